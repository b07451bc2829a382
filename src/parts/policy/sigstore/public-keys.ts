import { createPublicKey, type KeyObject, verify, type X509Certificate } from "node:crypto";
import { messageOf } from "../../../ground/errors/index.ts";
import { describeSource, type KeySource, readSource } from "../key-source.ts";
import { wrong } from "../strict-json.ts";
import { certificatesIn } from "./certificate-chain.ts";

/**
 * The public key of a PEM file, as cosign writes it: ECDSA, Ed25519 or RSA. Throws PolicyError
 * FailedPrecondition.
 */
export async function readPublicKey(source: KeySource): Promise<KeyObject> {
  const pem = Buffer.from(await readSource(source));
  const what = describeSource(source);
  // Node would also accept a private key, which does not belong in a policy.
  if (!pem.toString("latin1").includes("-----BEGIN PUBLIC KEY-----"))
    throw wrong(`${what} has no PEM public key ("-----BEGIN PUBLIC KEY-----")`);
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: "pem" });
  } catch (error) {
    throw wrong(`${what} cannot be read as a public key: ${messageOf(error)}`);
  }
  const { asymmetricKeyType: type } = key;
  if (type !== "ec" && type !== "ed25519" && type !== "rsa")
    throw wrong(`${what} is a key of type ${type}; ECDSA, Ed25519 and RSA can sign images`);
  return key;
}

/** The certificates in a PEM file. Throws PolicyError FailedPrecondition if there are none. */
export async function readCertificates(source: KeySource): Promise<readonly X509Certificate[]> {
  const pem = Buffer.from(await readSource(source)).toString("latin1");
  let certificates: readonly X509Certificate[];
  try {
    certificates = certificatesIn(pem);
  } catch (error) {
    throw wrong(`${describeSource(source)} cannot be read as certificates: ${messageOf(error)}`);
  }
  if (certificates.length === 0)
    throw wrong(`${describeSource(source)} has no PEM certificate ("-----BEGIN CERTIFICATE-----")`);
  return certificates;
}

/** Whether `signature` is a signature of `signed` with `key`, using SHA-256 as cosign does. */
export function isSignedBy(key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const digest = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verify(digest, signed, key, signature);
}
