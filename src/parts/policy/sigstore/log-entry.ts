import { createHash, type KeyObject } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import { isRecord } from "../../../ground/json/index.ts";
import { fieldsOf, parseStrictJson, stringAt, wrong } from "../strict-json.ts";

/** Rekor's id of a log: the digest of its public key. */
export function logIdOf(key: KeyObject): Buffer {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest();
}

/**
 * Parses a Rekor entry as cosign stores it with a signature under a tag, with Rekor's promise to include it
 * (`SignedEntryTimestamp`). Throws PolicyError if anything is missing or unknown.
 */
export function parseLogEntry(text: string): TransparencyLogEntry {
  const what = "Rekor entry";
  const all = fieldsOf(parseStrictJson(text, what), what, ["SignedEntryTimestamp", "Payload"]);
  const names = ["body", "integratedTime", "logIndex", "logID"] as const;
  const payload = fieldsOf(all.Payload, `${what}: Payload`, names);
  const body = Buffer.from(stringAt(payload.body, `${what}: body`), "base64");
  const { kind, apiVersion } = parseBody(body);
  return {
    logIndex: String(numberAt(payload.logIndex, `${what}: logIndex`)),
    logId: { keyId: Buffer.from(stringAt(payload.logID, `${what}: logID`), "hex") },
    kindVersion: {
      kind: stringAt(kind, `${what}: kind`),
      version: stringAt(apiVersion, `${what}: apiVersion`),
    },
    integratedTime: String(numberAt(payload.integratedTime, `${what}: integratedTime`)),
    inclusionPromise: {
      signedEntryTimestamp: Buffer.from(
        stringAt(all.SignedEntryTimestamp, `${what}: SignedEntryTimestamp`),
        "base64",
      ),
    },
    inclusionProof: undefined,
    canonicalizedBody: body,
  };
}

/**
 * The key or certificate, in PEM form, that an entry names. Throws PolicyError for a kind of entry that is
 * not used for image signatures.
 */
export function signerOfEntry({ canonicalizedBody }: TransparencyLogEntry): string {
  const { kind, apiVersion, spec } = parseBody(canonicalizedBody);
  const encoded = [
    { of: "hashedrekord 0.0.1", at: ["signature", "publicKey", "content"] },
    { of: "dsse 0.0.1", at: ["signatures", "0", "verifier"] },
  ].find(({ of }) => of === `${String(kind)} ${String(apiVersion)}`);
  if (encoded === undefined)
    throw wrong(`a Rekor entry of kind ${String(kind)} ${String(apiVersion)} is not supported`);
  const found = encoded.at.reduce<unknown>((value, key) => memberOf(value, key), spec);
  return Buffer.from(stringAt(found, `Rekor entry: ${encoded.at.join(".")}`), "base64").toString("latin1");
}

function parseBody(body: Uint8Array): Readonly<Partial<Record<"kind" | "apiVersion" | "spec", unknown>>> {
  const what = "body of a Rekor entry";
  const text = Buffer.from(body).toString("utf8");
  return fieldsOf(parseStrictJson(text, what), what, ["kind", "apiVersion", "spec"]);
}

function memberOf(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isRecord(value) ? value[key] : undefined;
}

function numberAt(value: unknown, path: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0)
    throw wrong(`${path}: expected a number`);
  return value;
}
