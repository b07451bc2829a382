/**
 * A key provider of ocicrypt's protocol, for tests: it unwraps with an RSA key what ocicrypt has wrapped as
 * JWE (RFC 7516, RSA-OAEP and A256GCM), which providers are free to do. Run as a program it takes the key's
 * file, and one question on its input.
 */
import { constants, createDecipheriv, privateDecrypt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

type Question = { readonly op: string; readonly keyunwrapparams: { readonly annotation: string } };
type Jwe = Readonly<Record<"protected" | "encrypted_key" | "iv" | "ciphertext" | "tag", string>>;

/** Throws for what was wrapped for another key. */
export function answerQuestion(privateKey: string, question: Uint8Array): Buffer {
  const { op, keyunwrapparams } = JSON.parse(Buffer.from(question).toString()) as Question;
  if (op !== "keyunwrap") throw new Error(`cannot ${op}`);
  const wrapped = Buffer.from(keyunwrapparams.annotation, "base64").toString();
  const optsdata = unwrap(privateKey, JSON.parse(wrapped) as Jwe).toString("base64");
  return Buffer.from(JSON.stringify({ keyunwrapresults: { optsdata } }));
}

function unwrap(privateKey: string, jwe: Jwe): Buffer {
  const bytes = (name: keyof Jwe) => Buffer.from(jwe[name], "base64url");
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const key = privateDecrypt({ key: privateKey, padding, oaepHash: "sha1" }, bytes("encrypted_key"));
  const decipher = createDecipheriv("aes-256-gcm", key, bytes("iv"));
  decipher.setAAD(Buffer.from(jwe.protected, "ascii"));
  decipher.setAuthTag(bytes("tag"));
  return Buffer.concat([decipher.update(bytes("ciphertext")), decipher.final()]);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(
    answerQuestion(await readFile(process.argv[2] ?? "", "utf8"), await buffer(process.stdin)),
  );
