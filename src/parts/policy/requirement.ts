import { type KeySource, parseSources } from "./key-source.ts";
import { parseSignedIdentity, type SignedIdentity } from "./signed-identity.ts";
import { parseSigners, type Signers } from "./sigstore/signers.ts";
import { fieldsOf, wrong } from "./strict-json.ts";

/** A requirement for an image; containers-policy.json(5), "Policy Requirements". */
export type Requirement =
  | { readonly kind: "insecureAcceptAnything" }
  | { readonly kind: "reject" }
  | SignedBy
  | SigstoreSigned;

/** A simple signature by one of the keys of these keyrings of GnuPG. */
export type SignedBy = {
  readonly kind: "signedBy";
  readonly keyrings: readonly KeySource[];
  readonly identity: SignedIdentity;
};

/** A sigstore signature. */
export type SigstoreSigned = {
  readonly kind: "sigstoreSigned";
  readonly signers: Signers;
  /** Keys of Rekor logs, one of which must have an entry of the signature; undefined if none is needed. */
  readonly rekorKeys: readonly KeySource[] | undefined;
  readonly identity: SignedIdentity;
};

const keyFields = ["keyPath", "keyPaths", "keyData"] as const;
const sigstoreFields = ["keyDatas", "fulcio", "pki"] as const;
const rekorFields = [
  "rekorPublicKeyPath",
  "rekorPublicKeyPaths",
  "rekorPublicKeyData",
  "rekorPublicKeyDatas",
] as const;

/**
 * Parses a requirement. Throws PolicyError FailedPrecondition also for unknown fields and types, which would
 * otherwise be checks that are left out.
 */
export function parseRequirement(value: unknown, path: string): Requirement {
  const { type, ...fields } = fieldsOf(value, path, [
    "type",
    "keyType",
    ...keyFields,
    ...sigstoreFields,
    ...rekorFields,
    "signedIdentity",
  ]);
  const only = (...known: (keyof typeof fields)[]): void => {
    const other = Object.keys(fields).find((key) => !known.some((each) => each === key));
    if (other !== undefined)
      throw wrong(`${path}: ${other} cannot be used with type ${JSON.stringify(type)}`);
  };
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      only();
      return { kind: type };
    case "signedBy": {
      only("keyType", ...keyFields, "signedIdentity");
      if (fields.keyType !== "GPGKeys") throw wrong(`${path}.keyType: expected GPGKeys for type signedBy`);
      const { keyPath, keyPaths, keyData } = fields;
      const keyrings = parseSources({ keyPath, keyPaths, keyData }, path);
      if (keyrings === undefined) throw wrong(`${path}: expected one of ${keyFields.join(", ")}`);
      return { kind: type, keyrings, identity: identityOf(fields, path) };
    }
    case "sigstoreSigned": {
      only(...keyFields, ...sigstoreFields, ...rekorFields, "signedIdentity");
      const signers = parseSigners(fields, path);
      const rekorKeys = parseSources(
        Object.fromEntries(rekorFields.map((name) => [name, fields[name]])),
        path,
      );
      if (signers.kind === "fulcio" && rekorKeys === undefined)
        throw wrong(
          `${path}: fulcio needs one of ${rekorFields.join(", ")}, since its certificates are short-lived`,
        );
      if (signers.kind === "pki" && rekorKeys !== undefined)
        throw wrong(`${path}: Rekor keys cannot be combined with pki`);
      return { kind: type, signers, rekorKeys, identity: identityOf(fields, path) };
    }
    default:
      throw wrong(`${path}: unknown type ${JSON.stringify(type)}`);
  }
}

function identityOf(fields: { readonly signedIdentity?: unknown }, path: string): SignedIdentity {
  return parseSignedIdentity(fields.signedIdentity, `${path}.signedIdentity`);
}
