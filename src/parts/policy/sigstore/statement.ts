import { isDigest } from "../../oci/index.ts";
import type { SignedPayload } from "../payload.ts";
import { parseIdentity } from "../signed-identity.ts";
import { arrayAt, fieldsOf, objectAt, parseStrictJson, stringAt, wrong } from "../strict-json.ts";

/** The media type of in-toto's statements. */
export const statementType = "application/vnd.in-toto+json";

/**
 * The predicate type with which cosign marks a statement as a signature; any other says something about the
 * image.
 */
const signaturePredicate = "https://sigstore.dev/cosign/sign/v1";
const statementVersions = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];

/**
 * Parses a statement (in-toto attestation framework, spec/v1/statement.md) after its signature was verified:
 * each of its subjects is signed. cosign gives these no names. Throws PolicyError and OciFormatError.
 */
export function parseStatement(bytes: Uint8Array): readonly SignedPayload[] {
  const what = "signed statement";
  const names = ["_type", "subject", "predicateType", "predicate"] as const;
  const { _type, subject, predicateType } = fieldsOf(
    parseStrictJson(Buffer.from(bytes).toString("utf8"), what),
    what,
    names,
  );
  if (!statementVersions.some((version) => version === _type))
    throw wrong(`${what}: unknown type ${JSON.stringify(_type)}`);
  if (predicateType !== signaturePredicate)
    throw wrong(`it is not a signature but a statement of type ${JSON.stringify(predicateType)}`);
  return arrayAt(subject, `${what}: subject`).flatMap((each, index) => {
    const path = `${what}: subject[${index}]`;
    const { name, digest } = objectAt(each, path);
    const identity = name === undefined || name === "" ? undefined : parseIdentity(stringAt(name, path));
    return Object.entries(objectAt(digest, `${path}.digest`))
      .map(([algorithm, hex]) => `${algorithm}:${String(hex)}`)
      .filter(isDigest)
      .map((known) => ({ digest: known, identity }));
  });
}
