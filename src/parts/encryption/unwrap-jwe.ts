import type { KeyObject } from "node:crypto";
import type { GeneralJWE } from "jose";
import { isRecord } from "../../ground/json/index.ts";

/** Of one wrapped key; whoever makes an image could otherwise have a node try as often as it likes. */
const maxRecipients = 64;
/** What ocicrypt wraps with, and RSA-OAEP with the better hash; none that takes a password. */
const keyManagement = { rsa: ["RSA-OAEP", "RSA-OAEP-256"], ec: ["ECDH-ES+A256KW"] };
const options = {
  keyManagementAlgorithms: [...keyManagement.rsa, ...keyManagement.ec],
  contentEncryptionAlgorithms: ["A256GCM"],
};

/**
 * Opens what ocicrypt has wrapped as JWE (RFC 7516, in JSON) for one recipient or several. Undefined where it
 * is none, or is for another key.
 */
export async function unwrapJwe(wrapped: Uint8Array, key: KeyObject): Promise<Uint8Array | undefined> {
  const jwe = parse(wrapped);
  if (jwe === undefined) return undefined;
  // Where no image is encrypted nothing of it is needed.
  const { generalDecrypt } = await import("jose");
  try {
    return (await generalDecrypt(jwe, key, options)).plaintext;
  } catch {
    // It does not tell another key from other damage.
    return undefined;
  }
}

/** The form for one recipient has no list of them. */
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
