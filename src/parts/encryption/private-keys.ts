import { createPrivateKey, type KeyObject, type webcrypto } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../ground/errors/index.ts";
import { EncryptionError } from "./encryption-error.ts";

/** More than any key needs. */
const maxFileBytes = 64 * 1024;

/** The private keys in a directory, and its files that are not private keys. */
export type PrivateKeys = {
  readonly directory: string;
  readonly keys: readonly KeyObject[];
  /** Why the other files cannot be used; each message names a file, and reveals nothing of its contents. */
  readonly unusable: readonly string[];
};

/**
 * Reads each file of a directory, except those whose names begin with a dot, as a private RSA or
 * elliptic-curve key: PEM or DER (PKCS #1, PKCS #8, SEC 1), or JWK (RFC 7517). Symbolic links are followed.
 * Throws EncryptionError FailedPrecondition if the directory cannot be read.
 */
export async function readPrivateKeys(directory: string): Promise<PrivateKeys> {
  const keys: KeyObject[] = [];
  const unusable: string[] = [];
  for (const name of await namesIn(directory)) {
    const file = join(directory, name);
    try {
      keys.push(parseKey(await readPrivate(file)));
    } catch (error) {
      unusable.push(`${file}: ${messageOf(error)}`);
    }
  }
  return { directory, keys, unusable };
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => !name.startsWith(".")).sort();
  } catch (error) {
    throw wrong(`cannot read the keys in ${directory}: ${messageOf(error)}`);
  }
}

async function readPrivate(path: string): Promise<Buffer> {
  // Otherwise, opening a FIFO would block.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const found = await file.stat();
  if (!found.isFile()) throw wrong("is not a file");
  if (found.uid !== process.geteuid?.())
    throw wrong("belongs to another user; change its owner to root (chown root)");
  if ((found.mode & 0o077) !== 0) throw wrong("is readable by other users; make it private (chmod 600)");
  if (found.size > maxFileBytes) throw wrong(`has more than ${maxFileBytes} bytes`);
  return await file.readFile();
}

function parseKey(bytes: Buffer): KeyObject {
  const text = bytes.toString("latin1").trimStart();
  if (text.startsWith("{")) return parseJwk(text);
  if (!text.startsWith("-----BEGIN ")) return parseDer(bytes);
  if (text.startsWith("-----BEGIN PGP ")) throw wrong("is a PGP key, which is not supported");
  if (text.startsWith("-----BEGIN ENCRYPTED ") || text.includes("Proc-Type: 4,ENCRYPTED"))
    throw wrong("is protected by a password, which berthd cannot ask for");
  try {
    return createPrivateKey(bytes);
  } catch (cause) {
    throw wrong("is not a private key", { cause });
  }
}

function parseJwk(text: string): KeyObject {
  try {
    return createPrivateKey({ key: JSON.parse(text) as webcrypto.JsonWebKey, format: "jwk" });
  } catch {
    // Both quote their input, which may be the key itself, and others read these errors.
    throw wrong("is not a private key in JWK");
  }
}

function parseDer(key: Buffer): KeyObject {
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      return createPrivateKey({ key, format: "der", type });
    } catch {
      // It may be in one of the other formats, which are tried next.
    }
  }
  throw wrong("is not a private key");
}

function wrong(message: string, options?: { readonly cause?: unknown }): EncryptionError {
  return new EncryptionError("FailedPrecondition", message, options);
}
