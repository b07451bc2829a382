/**
 * A key provider of ocicrypt's protocol, for tests: it wraps with an RSA key as JWE (RFC 7516, RSA-OAEP and
 * A256GCM), and so unwraps too what ocicrypt has wrapped by itself. Run as a program it takes the private
 * key's file, and one question on its input.
 */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

type Question =
  | { readonly op: "keywrap"; readonly keywrapparams: { readonly optsdata: string } }
  | { readonly op: "keyunwrap"; readonly keyunwrapparams: { readonly annotation: string } };
type Jwe = Readonly<Record<"protected" | "encrypted_key" | "iv" | "ciphertext" | "tag", string>>;

/** Throws for what was wrapped for another key. */
export function answerQuestion(privateKey: string, question: Uint8Array): Buffer {
  const asked = JSON.parse(Buffer.from(question).toString()) as Question;
  if (asked.op === "keywrap") {
    const wrapped = wrap(privateKey, Buffer.from(asked.keywrapparams.optsdata, "base64"));
    const annotation = Buffer.from(JSON.stringify(wrapped)).toString("base64");
    return Buffer.from(JSON.stringify({ keywrapresults: { annotation } }));
  }
  const wrapped = Buffer.from(asked.keyunwrapparams.annotation, "base64").toString();
  const optsdata = unwrap(privateKey, JSON.parse(wrapped) as Jwe).toString("base64");
  return Buffer.from(JSON.stringify({ keyunwrapresults: { optsdata } }));
}

const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" };

function wrap(privateKey: string, bytes: Uint8Array): Jwe {
  const [key, iv] = [randomBytes(32), randomBytes(12)];
  const written = (each: Uint8Array) => Buffer.from(each).toString("base64url");
  const header = written(Buffer.from(JSON.stringify({ alg: "RSA-OAEP", enc: "A256GCM" })));
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(header, "ascii"));
  const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return {
    protected: header,
    encrypted_key: written(publicEncrypt({ key: createPublicKey(privateKey), ...oaep }, key)),
    iv: written(iv),
    ciphertext: written(ciphertext),
    tag: written(cipher.getAuthTag()),
  };
}

function unwrap(privateKey: string, jwe: Jwe): Buffer {
  const bytes = (name: keyof Jwe) => Buffer.from(jwe[name], "base64url");
  const key = privateDecrypt({ key: privateKey, ...oaep }, bytes("encrypted_key"));
  const decipher = createDecipheriv("aes-256-gcm", key, bytes("iv"));
  decipher.setAAD(Buffer.from(jwe.protected, "ascii"));
  decipher.setAuthTag(bytes("tag"));
  return Buffer.concat([decipher.update(bytes("ciphertext")), decipher.final()]);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.stdout.write(
    answerQuestion(await readFile(process.argv[2] ?? "", "utf8"), await buffer(process.stdin)),
  );
