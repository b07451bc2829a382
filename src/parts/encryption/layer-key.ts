import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { type Digest, parseDigest } from "../oci/index.ts";
import type { EncryptedLayer } from "./encrypted-layer.ts";
import { EncryptionError } from "./encryption-error.ts";

/** What is needed to decrypt and verify a layer. Passed between threads by structured cloning. */
export type LayerKey = {
  /** The key of AES-256 and of the HMAC. */
  readonly key: Uint8Array;
  /** The initial counter value. */
  readonly nonce: Uint8Array;
  /** HMAC-SHA256 of the encrypted bytes. */
  readonly hmac: Uint8Array;
  /** Digest of the decrypted bytes, if it came with the key. */
  readonly digest: Digest | undefined;
};

/** The only cipher that ocicrypt supports. */
const cipher = "AES_256_CTR_HMAC_SHA256";
const publicAnnotation = "org.opencontainers.image.enc.pubopts";
const [keyBytes, nonceBytes, hmacBytes] = [32, 16, 32];

/**
 * Combines a provider's output (ocicrypt's PrivateLayerBlockCipherOptions) with the layer's public options.
 * Throws EncryptionError, whose message reveals nothing of the key.
 */
export function layerKeyOf(layer: EncryptedLayer, unwrapped: Uint8Array): LayerKey {
  const known = publicOptions(layer);
  const { cipher: name } = known;
  if (name !== cipher)
    throw new EncryptionError(
      "Unimplemented",
      `layer ${layer.digest} is encrypted with ${JSON.stringify(name)}; only ${cipher} is known`,
    );
  const secret = objectOf(unwrapped);
  if (secret === undefined)
    throw new EncryptionError("FailedPrecondition", "the unwrapped data is not in ocicrypt's format");
  const options = [known.cipheroptions, secret.cipheroptions].filter(isRecord);
  const nonce = options.map(({ nonce: found }) => found).find((found) => found !== undefined);
  return {
    key: bytesOf(secret.symkey, keyBytes, "its key"),
    nonce: bytesOf(nonce, nonceBytes, "its nonce"),
    hmac: bytesOf(known.hmac, hmacBytes, "the layer's HMAC"),
    digest:
      typeof secret.digest === "string" && secret.digest !== "" ? parseDigest(secret.digest) : undefined,
  };
}

function publicOptions({ digest, annotations = {} }: EncryptedLayer): JsonObject {
  const written = annotations[publicAnnotation];
  const known = written === undefined ? undefined : objectOf(Buffer.from(written, "base64"));
  if (known !== undefined) return known;
  throw new EncryptionError(
    "InvalidArgument",
    `layer ${digest} is encrypted, but its annotation ${publicAnnotation} does not say how`,
  );
}

function objectOf(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function bytesOf(value: unknown, length: number, what: string): Uint8Array {
  const bytes = typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : undefined;
  if (bytes?.length === length) return bytes;
  throw new EncryptionError("FailedPrecondition", `${what} does not have ${length} bytes`);
}
