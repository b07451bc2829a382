import { type Digest, parseDigest } from "../oci/index.ts";
import { type ImageIdentity, parseIdentity } from "./signed-identity.ts";
import { fieldsOf, objectAt, parseStrictJson, stringAt, wrong } from "./strict-json.ts";

/** What a signature says: this manifest is the image of that name. Some say no name. */
export type SignedPayload = { readonly digest: Digest; readonly identity: ImageIdentity | undefined };

/** By what kind of signature the payload says that it is signed. */
export type PayloadType = "atomic container signature" | "cosign container image signature";

/**
 * Reads what has been signed, once its signature is known to be good; containers-signature(5). Throws
 * PolicyError and OciFormatError: what is signed and not understood could be a condition.
 */
export async function parsePayload(bytes: Uint8Array, type: PayloadType): Promise<SignedPayload> {
  const what = "signed payload";
  const all = fieldsOf(await parseStrictJson(Buffer.from(bytes).toString("utf8"), what), what, [
    "critical",
    "optional",
  ]);
  // Who signed when and with what; for information.
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
