import { isAbsolute } from "node:path";
import { parseSignedIdentity, type SignedIdentity } from "./signed-identity.ts";
import { arrayAt, fieldsOf, stringAt, wrong } from "./strict-json.ts";

/** What an image must meet; containers-policy.json(5), "Policy Requirements". */
export type Requirement =
  | { readonly kind: "insecureAcceptAnything" }
  | { readonly kind: "reject" }
  | SignatureRequirement;

/** A signature by one of the keys: `signedBy` of GnuPG (simple signing), `sigstoreSigned` of sigstore. */
export type SignatureRequirement = {
  readonly kind: "signedBy" | "sigstoreSigned";
  readonly keys: readonly KeySource[];
  readonly identity: SignedIdentity;
};

/** A file on this machine (absolute), or bytes of the policy itself. */
export type KeySource = { readonly path: string } | { readonly data: Buffer };

/**
 * Throws PolicyError FailedPrecondition: an unknown field or type would otherwise be a check that is left
 * out.
 */
export function parseRequirement(value: unknown, path: string): Requirement {
  const known = ["type", "keyType", "keyPath", "keyPaths", "keyData", "keyDatas", "signedIdentity"] as const;
  const withoutSupport = ["fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths"] as const;
  const alsoWithout = ["rekorPublicKeyData", "rekorPublicKeyDatas"] as const;
  const fields = fieldsOf(value, path, [...known, ...withoutSupport, ...alsoWithout]);
  const unsupported = [...withoutSupport, ...alsoWithout].find((key) => fields[key] !== undefined);
  if (unsupported !== undefined)
    throw wrong(`${path}: ${unsupported} is not supported; use keyPath or keyData alone`);
  const { type } = fields;
  if (type === "insecureAcceptAnything" || type === "reject") {
    if (Object.keys(fields).length > 1) throw wrong(`${path}: type ${type} has no further fields`);
    return { kind: type };
  }
  if (type !== "signedBy" && type !== "sigstoreSigned")
    throw wrong(`${path}: unknown type ${JSON.stringify(type)}`);
  const keyType = type === "signedBy" ? "GPGKeys" : undefined;
  if (fields.keyType !== keyType)
    throw wrong(`${path}.keyType: expected ${keyType ?? "none"} for type ${type}`);
  if (type === "signedBy" && fields.keyDatas !== undefined)
    throw wrong(`${path}: type signedBy takes keyData, not keyDatas`);
  const keys = parseKeys(fields, path);
  return { kind: type, keys, identity: parseSignedIdentity(fields.signedIdentity, `${path}.signedIdentity`) };
}

type KeyFields = Readonly<Partial<Record<"keyPath" | "keyPaths" | "keyData" | "keyDatas", unknown>>>;

function parseKeys({ keyPath, keyPaths, keyData, keyDatas }: KeyFields, path: string): readonly KeySource[] {
  const given = Object.entries({ keyPath, keyPaths, keyData, keyDatas }).filter(
    ([, value]) => value !== undefined,
  );
  const [field, ...others] = given;
  if (field === undefined || others.length > 0)
    throw wrong(`${path}: expected exactly one of keyPath, keyPaths, keyData and keyDatas`);
  const [name, value] = field;
  const values = name.endsWith("s") ? arrayAt(value, `${path}.${name}`) : [value];
  return values.map((each) => {
    const text = stringAt(each, `${path}.${name}`);
    if (name.startsWith("keyData")) return { data: decodeBase64(text, `${path}.${name}`) };
    if (!isAbsolute(text)) throw wrong(`${path}.${name}: ${JSON.stringify(text)} is not an absolute path`);
    return { path: text };
  });
}

function decodeBase64(text: string, path: string): Buffer {
  const data = Buffer.from(text, "base64");
  if (data.toString("base64").replaceAll("=", "") !== text.replace(/[\s=]/g, ""))
    throw wrong(`${path}: expected base64`);
  return data;
}
