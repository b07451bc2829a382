import type { KeyObject } from "node:crypto";
import type { GeneralJWE } from "jose";
import { isRecord } from "../../ground/json/index.ts";

/** For one wrapped key; otherwise, an image could make a node try any number of times. */
const maxRecipients = 64;
/** The algorithms that ocicrypt uses, and RSA-OAEP with a better hash; none that takes a password. */
const keyManagement = { rsa: ["RSA-OAEP", "RSA-OAEP-256"], ec: ["ECDH-ES+A256KW"] };
const options = {
  keyManagementAlgorithms: [...keyManagement.rsa, ...keyManagement.ec],
  contentEncryptionAlgorithms: ["A256GCM"],
};

/**
 * Unwraps a key that ocicrypt wrapped as JWE (RFC 7516, JSON) for one recipient or several. Undefined if it
 * is not JWE, or is for another key.
 */
export async function unwrapJwe(wrapped: Uint8Array, key: KeyObject): Promise<Uint8Array | undefined> {
  const jwe = parse(wrapped);
  if (jwe === undefined) return undefined;
  // Loaded on demand: without encrypted images, it is not needed.
  const { generalDecrypt } = await import("jose");
  try {
    return (await generalDecrypt(jwe, key, options)).plaintext;
  } catch {
    // The error does not distinguish a wrong key from damage.
    return undefined;
  }
}

/** The form for one recipient does not have a list of recipients. */
function parse(wrapped: Uint8Array): GeneralJWE | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(wrapped).toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { header, encrypted_key: key, recipients = [{ header, encrypted_key: key }], ...rest } = value;
  if (!Array.isArray(recipients) || recipients.length > maxRecipients) return undefined;
  const given = recipients.map((each: unknown) =>
    isRecord(each) ? Object.fromEntries(Object.entries(each).filter(([, part]) => part !== undefined)) : each,
  );
  return { ...rest, recipients: given } as unknown as GeneralJWE;
}
