import type { Descriptor, Reference } from "../oci/index.ts";
import { fetchBlob } from "./blobs.ts";
import { fetchFile } from "./fetch-file.ts";
import { fetchSmall, probe, resolve } from "./manifests.ts";
import { pushBlob } from "./push-blob.ts";
import { hasManifest, pushManifest } from "./push-manifest.ts";
import type { Registry, RegistryOptions } from "./registry.ts";
import { Session } from "./session.ts";

/** A {@link Registry} over HTTP. Dispose of it to close its connections. */
export function createRegistry(options: RegistryOptions): Registry {
  const session = new Session(options);
  return {
    probe: (reference: Reference, signal?: AbortSignal) => probe(session, reference, signal),
    resolve: (reference: Reference, signal?: AbortSignal) => resolve(session, reference, signal),
    fetchSmall: (reference: Reference, descriptor: Descriptor, signal?: AbortSignal) =>
      fetchSmall(session, reference, descriptor, signal),
    fetchBlob: (reference: Reference, descriptor: Descriptor, offset: number, signal?: AbortSignal) =>
      fetchBlob(session, reference, descriptor, offset, signal),
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
