import type { Descriptor, Reference } from "../oci/index.ts";
import { fetchBlob } from "./blobs.ts";
import { readBounded } from "./bounded.ts";
import { endpointOfUrl } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { listReferrers } from "./list-referrers.ts";
import { fetchSmall, probe, resolve } from "./manifests.ts";
import type { PlainHosts } from "./plain-hosts.ts";
import { pushBlob } from "./push-blob.ts";
import { hasManifest, pushManifest } from "./push-manifest.ts";
import type { Registry, RegistryOptions } from "./registry.ts";
import type { RequestLog } from "./request-log.ts";
import { Session } from "./session.ts";
import { discard, type Transport } from "./transport.ts";

/**
 * Creates a {@link Registry} over HTTP. Disposing of it closes its connections. `knownPlain` is shared with
 * later ones; `log` is called for every request.
 */
export function createRegistry(
  options: RegistryOptions,
  knownPlain?: PlainHosts,
  log?: RequestLog,
): Registry {
  const session = new Session(options, knownPlain, log);
  return {
    probe: (reference: Reference, signal?: AbortSignal) => probe(session, reference, signal),
    resolve: (reference: Reference, signal?: AbortSignal) => resolve(session, reference, signal),
    fetchSmall: (reference: Reference, descriptor: Descriptor, signal?: AbortSignal) =>
      fetchSmall(session, reference, descriptor, signal),
    fetchBlob: (reference, descriptor, offset, signal, senders) =>
      fetchBlob(session, reference, descriptor, offset, signal, senders),
    listReferrers: (reference, subject, artifactType, signal) =>
      listReferrers(session, reference, subject, artifactType, signal),
    fetchFile: (url: URL, maxBytes: number, signal?: AbortSignal) =>
      fetchFile(session.transport, url, maxBytes, signal),
    hasManifest: (reference, descriptor, signal) => hasManifest(session, reference, descriptor, signal),
    pushBlob: (reference, descriptor, source, signal) =>
      pushBlob(session, reference, descriptor, source, signal),
    pushManifest: (reference, descriptor, bytes, signal) =>
      pushManifest(session, reference, descriptor, bytes, signal),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

/**
 * Fetches a file from a web server that is not a registry, without sending it credentials; undefined if it
 * does not exist (404). Throws RegistryError: ResourceExhausted for a file larger than `maxBytes`,
 * Unavailable, DeadlineExceeded, Canceled.
 */
async function fetchFile(
  transport: Transport,
  url: URL,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const endpoint = endpointOfUrl(url);
  const response = await transport.send({ method: "GET", url, endpoint, headers: {}, signal });
  if (response.status === 200) return await readBounded(response, maxBytes, url.pathname);
  discard(response);
  if (response.status === 404) return undefined;
  throw new RegistryError("Unavailable", `${url.host}: answered ${response.status} for ${url.pathname}`, {
    status: response.status,
  });
}
