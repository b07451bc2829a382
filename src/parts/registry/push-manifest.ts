import {
  type Descriptor,
  digestOf,
  formatReference,
  isDigest,
  parseReferrer,
  type Reference,
} from "../oci/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { enterReferrer } from "./referrers.ts";
import { manifestName } from "./registry.ts";
import { pushScopes } from "./scopes.ts";
import type { Session } from "./session.ts";
import { bytesBody } from "./transport.ts";

/** See {@link RegistryWriter.hasManifest}. */
export async function hasManifest(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const named = { ...reference, tag: undefined, digest: descriptor.digest };
  const what = `looking for ${formatReference(named)}`;
  const endpoints = await session.endpoints(reference, "push");
  return await session.tryEndpoints(what, endpoints, signal, (endpoint) =>
    exists(session, endpoint, named, descriptor, signal),
  );
}

/** See {@link RegistryWriter.pushManifest}. */
export async function pushManifest(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const endpoints = await session.endpoints(reference, "push");
  const referrer = parseReferrer(bytes);
  await session.tryEndpoints(`pushing ${formatReference(reference)}`, endpoints, signal, async (endpoint) => {
    // A manifest with a subject may lack its entry in the list of referrers, if an earlier push was
    // interrupted.
    if (referrer === undefined && (await exists(session, endpoint, reference, descriptor, signal, bytes)))
      return;
    const response = await session.send(
      endpoint,
      {
        method: "PUT",
        reference,
        path: `manifests/${manifestName(reference)}`,
        headers: { "content-type": descriptor.mediaType },
        body: bytesBody(bytes),
        accepted: [201, 202],
        scopes: pushScopes(reference),
      },
      signal,
    );
    await response.body.dump();
    checkDigest(endpoint, response.headers["docker-content-digest"], descriptor, bytes);
    // A registry with the referrers API says so in the header OCI-Subject.
    if (referrer !== undefined && response.headers["oci-subject"] === undefined)
      await enterReferrer(session, endpoint, reference, descriptor, referrer, signal);
  });
}

/** Whether the repository has the manifest's digest, and the tag, if there is one, already points to it. */
async function exists(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  { mediaType, digest }: Descriptor,
  signal: AbortSignal | undefined,
  bytes?: Uint8Array,
): Promise<boolean> {
  const response = await session.send(
    endpoint,
    {
      method: "HEAD",
      reference,
      path: `manifests/${manifestName(reference)}`,
      headers: { accept: `${mediaType}, */*` },
      accepted: [401, 403, 404, 405],
      scopes: pushScopes(reference),
    },
    signal,
  );
  await response.body.dump();
  if (response.status !== 200) return false;
  const announced = response.headers["docker-content-digest"];
  if (announced === undefined) return reference.digest === digest;
  return announced === digest || (bytes !== undefined && isDigestOf(announced, bytes));
}

function checkDigest(
  { host }: Endpoint,
  announced: string | string[] | undefined,
  { digest }: Descriptor,
  bytes: Uint8Array,
): void {
  if (typeof announced !== "string" || !isDigest(announced) || isDigestOf(announced, bytes)) return;
  throw new RegistryError("DataLoss", `${host}: keeps ${digest} as ${announced}: it has changed it`);
}

/**
 * The registry of the Distribution project announces the sha256 digest even for a manifest that was pushed by
 * sha512.
 */
function isDigestOf(announced: string | string[], bytes: Uint8Array): boolean {
  return typeof announced === "string" && isDigest(announced) && digestOf(bytes, announced) === announced;
}
