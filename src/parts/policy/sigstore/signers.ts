import { type KeySource, parseSources } from "../key-source.ts";
import { fieldsOf, stringAt, wrong } from "../strict-json.ts";

/** The accepted signers; containers-policy.json(5), "sigstoreSigned". */
export type Signers =
  | { readonly kind: "keys"; readonly keys: readonly KeySource[] }
  | FulcioSigner
  | PkiSigner;

/** The owner of an email address, which was proved to Fulcio with an account of an OpenID Connect issuer. */
export type FulcioSigner = {
  readonly kind: "fulcio";
  /** Certificates of the authority: its root, and intermediate ones if signatures do not contain them. */
  readonly authority: KeySource;
  readonly oidcIssuer: string;
  readonly subjectEmail: string;
};

/** The owner of a code signing certificate with this subject from one's own authority. */
export type PkiSigner = {
  readonly kind: "pki";
  readonly roots: KeySource;
  readonly intermediates: KeySource | undefined;
  /** At least one of the two is present; if both are, both must match. */
  readonly subjectEmail: string | undefined;
  readonly subjectHostname: string | undefined;
};

type SignerFields = Readonly<
  Partial<Record<"keyPath" | "keyPaths" | "keyData" | "keyDatas" | "fulcio" | "pki", unknown>>
>;

/** Throws PolicyError FailedPrecondition. */
export function parseSigners(
  { keyPath, keyPaths, keyData, keyDatas, fulcio, pki }: SignerFields,
  path: string,
): Signers {
  const keys = parseSources({ keyPath, keyPaths, keyData, keyDatas }, path);
  const given = [keys, fulcio, pki].filter((each) => each !== undefined).length;
  if (given !== 1)
    throw wrong(`${path}: expected exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki`);
  if (keys !== undefined) return { kind: "keys", keys };
  return fulcio === undefined ? parsePki(pki, `${path}.pki`) : parseFulcio(fulcio, `${path}.fulcio`);
}

function parseFulcio(value: unknown, path: string): FulcioSigner {
  const { caPath, caData, oidcIssuer, subjectEmail } = fieldsOf(value, path, [
    "caPath",
    "caData",
    "oidcIssuer",
    "subjectEmail",
  ]);
  return {
    kind: "fulcio",
    authority: oneOf({ caPath, caData }, path),
    oidcIssuer: stringAt(oidcIssuer, `${path}.oidcIssuer`),
    subjectEmail: stringAt(subjectEmail, `${path}.subjectEmail`),
  };
}

function parsePki(value: unknown, path: string): PkiSigner {
  const { caRootsPath, caRootsData, caIntermediatesPath, caIntermediatesData, ...subject } = fieldsOf(
    value,
    path,
    [
      "caRootsPath",
      "caRootsData",
      "caIntermediatesPath",
      "caIntermediatesData",
      "subjectEmail",
      "subjectHostname",
    ],
  );
  const text = (name: keyof typeof subject): string | undefined =>
    subject[name] === undefined ? undefined : stringAt(subject[name], `${path}.${name}`);
  const subjectEmail = text("subjectEmail");
  const subjectHostname = text("subjectHostname");
  if (subjectEmail === undefined && subjectHostname === undefined)
    throw wrong(`${path}: expected subjectEmail or subjectHostname`);
  return {
    kind: "pki",
    roots: oneOf({ caRootsPath, caRootsData }, path),
    intermediates: atMostOne({ caIntermediatesPath, caIntermediatesData }, path),
    subjectEmail,
    subjectHostname,
  };
}

function oneOf(fields: Readonly<Record<string, unknown>>, path: string): KeySource {
  const source = atMostOne(fields, path);
  if (source === undefined) throw wrong(`${path}: expected one of ${Object.keys(fields).join(", ")}`);
  return source;
}

function atMostOne(fields: Readonly<Record<string, unknown>>, path: string): KeySource | undefined {
  return parseSources(fields, path)?.[0];
}
