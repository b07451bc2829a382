import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { type Digest, Digester } from "../oci/index.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { LayerKey } from "./layer-key.ts";

/**
 * The decrypted bytes of a layer, as many as the encrypted ones. It ends only when the encrypted bytes had
 * the digest and the HMAC that they should have; until then what came out may be anything, and is not to be
 * trusted. Throws EncryptionError DataLoss for another digest, FailedPrecondition for another HMAC, and what
 * `encrypted` throws.
 */
export async function* decryptLayer(
  encrypted: AsyncIterable<Uint8Array>,
  { key, nonce, hmac }: LayerKey,
  digest: Digest,
): AsyncGenerator<Uint8Array, void, void> {
  const digester = new Digester(digest);
  const authenticator = createHmac("sha256", key);
  const decipher = createDecipheriv("aes-256-ctr", key, nonce);
  for await (const chunk of encrypted) {
    digester.update(chunk);
    authenticator.update(chunk);
    yield decipher.update(chunk);
  }
  const actual = digester.digest();
  if (actual !== digest)
    throw new EncryptionError("DataLoss", `layer ${digest} is corrupt: its bytes have digest ${actual}`);
  if (!timingSafeEqual(authenticator.digest(), hmac))
    throw new EncryptionError(
      "FailedPrecondition",
      `layer ${digest} cannot be decrypted: its HMAC does not match the key, which is another one, or the layer was changed after it was encrypted`,
    );
}
