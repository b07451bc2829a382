import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { messageOf } from "../../ground/errors/index.ts";
import { wrong } from "./strict-json.ts";

/**
 * The public key of a PEM file, as cosign writes it: ECDSA, Ed25519 or RSA. Throws PolicyError
 * FailedPrecondition.
 */
export function readPublicKey(pem: Uint8Array, what: string): KeyObject {
  // A private key would be taken too, and has no place in a policy.
  if (!Buffer.from(pem).toString("latin1").includes("-----BEGIN PUBLIC KEY-----"))
    throw wrong(`${what} has no PEM public key ("-----BEGIN PUBLIC KEY-----")`);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(pem), format: "pem" });
  } catch (error) {
    throw wrong(`${what} cannot be read as a public key: ${messageOf(error)}`);
  }
  const { asymmetricKeyType: type } = key;
  if (type !== "ec" && type !== "ed25519" && type !== "rsa")
    throw wrong(`${what} is a key of type ${type}; ECDSA, Ed25519 and RSA can sign images`);
  return key;
}

/** True if `signature` is one of `payload` by the owner of `key`; with SHA-256, as cosign signs. */
export function isSignedBy(key: KeyObject, payload: Uint8Array, signature: Uint8Array): boolean {
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verify(digest, payload, key, signature);
}
