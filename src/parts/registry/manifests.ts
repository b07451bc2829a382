import { isRecord } from "../../ground/json/index.ts";
import {
  type Descriptor,
  digestOf,
  formatReference,
  isDigest,
  isIndexType,
  isManifestType,
  mediaType,
  type Reference,
} from "../oci/index.ts";
import { readBounded } from "./bounded.ts";
import type { Endpoint } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";
import { manifestName, maxSmallBytes, type Resolved } from "./registry.ts";
import type { Session } from "./session.ts";
import type { HttpResponse } from "./transport.ts";

export const acceptManifests = [
  mediaType.ociIndex,
  mediaType.dockerManifestList,
  mediaType.ociManifest,
  mediaType.dockerManifest,
  "*/*",
].join(", ");

/** HEAD of a manifest; see {@link Registry.probe}. */
export async function probe(
  session: Session,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<Descriptor | undefined> {
  const endpoints = await session.endpoints(reference, reference.digest === undefined ? "resolve" : "pull");
  return await session.tryEndpoints(
    `resolving ${formatReference(reference)}`,
    endpoints,
    signal,
    async (endpoint) => {
      const path = `manifests/${manifestName(reference)}`;
      const request = {
        method: "HEAD",
        reference,
        path,
        headers: { accept: acceptManifests },
        accepted: [405],
      } as const;
      const response = await session.send(endpoint, request, signal);
      await response.body.dump();
      const digest = response.headers["docker-content-digest"];
      const size = Number(response.headers["content-length"] ?? Number.NaN);
      const type = contentType(response);
      const complete =
        response.status === 200 &&
        typeof digest === "string" &&
        isDigest(digest) &&
        Number.isSafeInteger(size);
      if (!complete || (!isIndexType(type) && !isManifestType(type))) return undefined;
      if (reference.digest !== undefined && reference.digest !== digest) return undefined;
      return { mediaType: type, digest, size };
    },
  );
}

/** GET of a manifest or index by tag or digest; see {@link Registry.resolve}. */
export async function resolve(
  session: Session,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<Resolved> {
  const endpoints = await session.endpoints(reference, reference.digest === undefined ? "resolve" : "pull");
  return await session.tryEndpoints(
    `resolving ${formatReference(reference)}`,
    endpoints,
    signal,
    async (endpoint) => {
      const path = `manifests/${manifestName(reference)}`;
      const request = { method: "GET", reference, path, headers: { accept: acceptManifests } } as const;
      const response = await session.send(endpoint, request, signal);
      const bytes = await readBounded(response, maxSmallBytes, "the manifest");
      const written = writtenType(endpoint, response, bytes);
      const announced = response.headers["docker-content-digest"];
      const expected =
        reference.digest ?? (typeof announced === "string" && isDigest(announced) ? announced : undefined);
      const digest = checkDigest(endpoint, bytes, expected);
      return { descriptor: { mediaType: typeOf(response, written), digest, size: bytes.length }, bytes };
    },
  );
}

/** GET of something small by digest; see {@link Registry.fetchSmall}. */
export async function fetchSmall(
  session: Session,
  reference: Reference,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const what = `fetching ${descriptor.digest} of ${formatReference(reference)}`;
  if (descriptor.size > maxSmallBytes) {
    const message = `${what}: its size of ${descriptor.size} bytes is more than the allowed ${maxSmallBytes}`;
    throw new RegistryError("ResourceExhausted", message);
  }
  const isManifest = isIndexType(descriptor.mediaType) || isManifestType(descriptor.mediaType);
  const path = `${isManifest ? "manifests" : "blobs"}/${descriptor.digest}`;
  const endpoints = await session.endpoints(reference, "pull");
  return await session.tryEndpoints(what, endpoints, signal, async (endpoint) => {
    const headers = { accept: `${descriptor.mediaType}, */*` };
    const response = await session.send(endpoint, { method: "GET", reference, path, headers }, signal);
    const bytes = await readBounded(response, maxSmallBytes, "it");
    if (bytes.length !== descriptor.size) {
      const message = `${endpoint.host}: sent ${bytes.length} bytes, the descriptor says ${descriptor.size}`;
      throw new RegistryError("DataLoss", message);
    }
    checkDigest(endpoint, bytes, descriptor.digest);
    return bytes;
  });
}

function checkDigest(
  endpoint: Endpoint,
  bytes: Uint8Array,
  expected: Descriptor["digest"] | undefined,
): Descriptor["digest"] {
  const digest = digestOf(bytes, expected);
  if (expected === undefined || digest === expected) return digest;
  throw new RegistryError(
    "DataLoss",
    `${endpoint.host}: sent content with digest ${digest}, expected ${expected}`,
  );
}

function contentType(response: HttpResponse): string {
  const header = response.headers["content-type"];
  return typeof header === "string" ? (header.split(";")[0] ?? "").trim() : "";
}

/** The media type. Some registries serve manifests as plain JSON; then the document's own type is used. */
function typeOf(response: HttpResponse, written: string | undefined): string {
  const header = contentType(response);
  return isIndexType(header) || isManifestType(header) ? header : (written ?? header);
}

/**
 * The media type that a document declares. Throws RegistryError DataLoss if it is not a manifest, for example
 * the login page of a proxy: another host may have it.
 */
function writtenType(endpoint: Endpoint, response: HttpResponse, bytes: Uint8Array): string | undefined {
  const notManifest = (cause?: unknown): RegistryError => {
    const type = contentType(response) || "something";
    return new RegistryError("DataLoss", `${endpoint.host}: sent ${type} that is not a manifest`, { cause });
  };
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw notManifest(cause);
  }
  if (!isRecord(document)) throw notManifest();
  const { mediaType: written, schemaVersion } = document;
  // Every kind of manifest has one of them.
  if (typeof written !== "string" && typeof schemaVersion !== "number") throw notManifest();
  return typeof written === "string" ? written : undefined;
}
