import { createHash, type KeyObject } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { SignedEntity, TrustMaterial } from "@sigstore/verify";
import { messageOf } from "../../../ground/errors/index.ts";
import type { Evidence } from "./evidence.ts";
import { logIdOf, signerOfEntry } from "./log-entry.ts";
import { isSignedBy } from "./public-keys.ts";

/** Rekor has promised to include an entry for a signature, which it received at that time. */
export type Logged = { readonly time: Date };

const always = { start: new Date(0), end: new Date(8_640_000_000_000_000) };

/**
 * The first entry of one of these logs for this signature by `key`, whose key or certificate in DER form is
 * `signer`; or why there is none. No log is contacted: the entry has the log's own signature.
 */
export async function loggedEntry(
  evidence: Evidence,
  key: KeyObject,
  signer: Uint8Array,
  rekorKeys: readonly KeyObject[],
): Promise<Logged | string> {
  const entries = evidence.entries();
  if (entries.length === 0) return "it has no Rekor entry";
  const reasons: string[] = [];
  for (const whole of entries) {
    // A log's signature of a proof also covers its address, which a policy does not contain. Its promise is
    // enough.
    const entry = { ...whole, inclusionProof: undefined };
    const why = await whyNotLogged(evidence, entry, key, signer, rekorKeys);
    if (why === undefined) return { time: new Date(Number(entry.integratedTime) * 1000) };
    reasons.push(why);
  }
  return `its Rekor entry is not valid: ${[...new Set(reasons)].join("; ")}`;
}

async function whyNotLogged(
  evidence: Evidence,
  entry: TransparencyLogEntry,
  key: KeyObject,
  signer: Uint8Array,
  rekorKeys: readonly KeyObject[],
): Promise<string | undefined> {
  const logs = rekorKeys.map((publicKey) => ({
    logID: logIdOf(publicKey),
    baseURL: "",
    publicKey,
    validFor: always,
  }));
  if (!logs.some(({ logID }) => logID.equals(entry.logId.keyId)))
    return `it is of log ${entry.logId.keyId.toString("hex")}, of which the policy has no key`;
  // The proofs of inclusion that newer logs give instead do not contain the time.
  if (entry.inclusionPromise === undefined) return "it has no signed entry timestamp";
  try {
    const { Verifier } = await import("@sigstore/verify");
    const verifier = new Verifier(trustIn(key, logs), {
      tlogThreshold: 1,
      timestampThreshold: 1,
      ctlogThreshold: 0,
    });
    verifier.verify(entityOf(evidence, entry));
    const logged = derOf(signerOfEntry(entry));
    return logged.equals(signer) ? undefined : "it is of another key or certificate";
  } catch (error) {
    return messageOf(error);
  }
}

/** Uses the key itself, since certificates are verified separately. */
function trustIn(publicKey: KeyObject, tlogs: TrustMaterial["tlogs"]): TrustMaterial {
  return {
    certificateAuthorities: [],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs,
    publicKey: () => ({ publicKey, validFor: () => true }),
  };
}

function entityOf({ signature, signed, payload }: Evidence, entry: TransparencyLogEntry): SignedEntity {
  const isDigestOf = (bytes: Uint8Array) => (digest: Buffer) =>
    createHash("sha256").update(bytes).digest().equals(digest);
  return {
    key: { $case: "public-key", hint: "" },
    tlogEntries: [entry],
    timestamps: [{ $case: "transparency-log", tlogEntry: entry }],
    signature: {
      signature,
      compareSignature: (other) => signature.equals(other),
      compareDigest: isDigestOf(payload),
      compareSignedDigest: isDigestOf(signed),
      verifySignature: (key) => isSignedBy(key, signed, signature),
    },
  };
}

/** The bytes of a PEM text with one block of any type. */
function derOf(pem: string): Buffer {
  const lines = pem.trim().split("\n");
  return Buffer.from(lines.filter((line) => !line.startsWith("-----")).join(""), "base64");
}
