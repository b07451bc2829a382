import type { ErrorCode } from "../../ground/errors/index.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  isDigest,
  mediaType,
  type Reference,
  type Referrer,
} from "../oci/index.ts";
import { readBounded } from "./bounded.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { acceptManifests } from "./manifests.ts";
import { maxSmallBytes } from "./registry.ts";
import { pushScopes } from "./scopes.ts";
import type { Session } from "./session.ts";
import { bytesBody } from "./transport.ts";

/** Codes with which registries reject a list that names missing manifests. */
const refusals: readonly ErrorCode[] = ["InvalidArgument", "NotFound"];

/**
 * Adds a manifest with a `subject` to the list of that subject's referrers, an index under the tag
 * `sha256-HEX`, if the registry does not have the referrers API (distribution-spec 1.1, "Referrers Tag
 * Schema"). Concurrent updates may lose an entry, which registries offer no way to prevent.
 */
export async function enterReferrer(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  descriptor: Descriptor,
  referrer: Referrer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const path = `manifests/${referrersTag(referrer.subject.digest)}`;
  const request = { reference, path, scopes: pushScopes(reference) };
  const headers = { accept: mediaType.ociIndex };
  const found = await session.send(endpoint, { method: "GET", ...request, headers, accepted: [404] }, signal);
  const listed = await readBounded(found, maxSmallBytes, "the list of referrers");
  const entries = found.status === 404 ? [] : entriesOf(endpoint, path, listed);
  if (entries.some((entry) => digestIn(entry) === descriptor.digest)) return;
  const put = async (others: readonly unknown[]) => {
    const manifests = [...others, entryOf(descriptor, referrer)];
    const list = { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests };
    const body = bytesBody(Buffer.from(JSON.stringify(list)));
    const type = { "content-type": mediaType.ociIndex };
    const sent = { method: "PUT", ...request, headers: type, body, accepted: [201, 202] } as const;
    await (await session.send(endpoint, sent, signal)).body.dump();
  };
  try {
    await put(entries);
  } catch (error) {
    if (!(error instanceof RegistryError) || !refusals.includes(error.code)) throw error;
    // crane and skopeo do not remove the entries of manifests that they delete, and registries reject a list
    // with such entries.
    const there: unknown[] = [];
    for (const entry of entries)
      if (await hasManifest(session, endpoint, reference, entry, signal)) there.push(entry);
    if (there.length === entries.length) throw error;
    await put(there);
  }
}

/** Whether the registry has the manifest that an entry of a list of referrers names. */
async function hasManifest(
  session: Session,
  endpoint: Endpoint,
  reference: Reference,
  entry: unknown,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const digest = digestIn(entry);
  if (typeof digest !== "string" || !isDigest(digest)) return true;
  const scopes = pushScopes(reference);
  const request = { method: "HEAD", reference, path: `manifests/${digest}`, scopes } as const;
  const headers = { accept: acceptManifests };
  const response = await session.send(endpoint, { ...request, headers, accepted: [404] }, signal);
  await response.body.dump();
  return response.status !== 404;
}

/** The tag `sha256-HEX`, truncated to the maximum length of a tag. */
export function referrersTag(digest: Digest): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return `${algorithm.slice(0, 32)}-${hex.slice(0, 64)}`;
}

/**
 * The entries of a list, unchanged, including unknown fields. A document that is not a list is left alone.
 */
function entriesOf({ host }: Endpoint, path: string, bytes: Uint8Array): readonly unknown[] {
  const refuse = (): never => {
    throw new RegistryError(
      "FailedPrecondition",
      `${host}: ${path} is not a list of referrers (${digestOf(bytes)}); it is left unchanged`,
    );
  };
  try {
    const { manifests } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { readonly manifests?: unknown };
    return Array.isArray(manifests) ? (manifests as readonly unknown[]) : refuse();
  } catch (error) {
    if (error instanceof SyntaxError) return refuse();
    throw error;
  }
}

function digestIn(entry: unknown): unknown {
  return typeof entry === "object" && entry !== null && "digest" in entry ? entry.digest : undefined;
}

function entryOf({ mediaType: type, digest, size }: Descriptor, { artifactType, annotations }: Referrer) {
  return {
    mediaType: type,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}
