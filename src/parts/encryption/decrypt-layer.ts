import { createDecipheriv, createHmac, timingSafeEqual } from "node:crypto";
import { type Digest, Digester } from "../oci/index.ts";
import { EncryptionError } from "./encryption-error.ts";
import type { LayerKey } from "./layer-key.ts";

/**
 * The decrypted bytes of a layer, as many as the encrypted ones. They end without an error only if digest and
 * HMAC of the encrypted bytes are right; until then, the output must not be trusted. Throws EncryptionError
 * DataLoss for a wrong digest, FailedPrecondition for a wrong HMAC, and the errors of `encrypted`.
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
