import { type Digest, parseDigest } from "../oci/index.ts";
import { type ImageIdentity, parseIdentity } from "./signed-identity.ts";
import { fieldsOf, objectAt, parseStrictJson, stringAt, wrong } from "./strict-json.ts";

/**
 * The statement of a signature: this manifest is the image with that name. Some signatures contain no name.
 */
export type SignedPayload = { readonly digest: Digest; readonly identity: ImageIdentity | undefined };

/** The kind of signature that the payload declares. */
export type PayloadType = "atomic container signature" | "cosign container image signature";

/**
 * Parses the signed content after its signature was verified; containers-signature(5). Throws PolicyError and
 * OciFormatError: signed content that is not understood could be a condition.
 */
export function parsePayload(bytes: Uint8Array, type: PayloadType): SignedPayload {
  const what = "signed payload";
  const all = fieldsOf(parseStrictJson(Buffer.from(bytes).toString("utf8"), what), what, [
    "critical",
    "optional",
  ]);
  // Informational: who signed, when and with which program.
  if (all.optional !== undefined && all.optional !== null) objectAt(all.optional, `${what}: optional`);
  const critical = fieldsOf(all.critical, `${what}: critical`, ["type", "image", "identity"]);
  if (critical.type !== type)
    throw wrong(`${what}: its type is ${JSON.stringify(critical.type)}, not ${type}`);
  const image = fieldsOf(critical.image, `${what}: critical.image`, ["docker-manifest-digest"]);
  const identity = fieldsOf(critical.identity, `${what}: critical.identity`, ["docker-reference"]);
  return {
    digest: parseDigest(stringAt(image["docker-manifest-digest"], `${what}: docker-manifest-digest`)),
    identity: parseIdentity(stringAt(identity["docker-reference"], `${what}: docker-reference`)),
  };
}
