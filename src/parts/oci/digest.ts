import { createHash, type Hash } from "node:crypto";
import { BerthError } from "../../ground/errors/index.ts";

/**
 * The algorithms that the specification registers and that registries serve (image-spec 1.1,
 * descriptor.md#registered-algorithms).
 */
export type DigestAlgorithm = "sha256" | "sha512";

/**
 * A content address such as `sha256:<64 hex>`; made only by {@link parseDigest}. OCI image-spec 1.1,
 * descriptor.md#digests.
 */
export type Digest = `${DigestAlgorithm}:${string}` & { readonly __brand: "Digest" };

/**
 * A value from an image, archive or registry that is not what the OCI specifications say. Code
 * InvalidArgument.
 */
export class OciFormatError extends BerthError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("InvalidArgument", message, options);
  }
}

const pattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Checks a digest's form. Throws {@link OciFormatError}. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new OciFormatError(
      `invalid digest ${JSON.stringify(text.slice(0, 100))}: expected sha256: and 64 lower-case hex digits, or sha512: and 128`,
    );
  }
  return text;
}

/** True for a well-formed digest. */
export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** The hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The digest of bytes that come in pieces. */
export class Digester {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  /** Hashes as `expected` was made; by sha256 when nothing is expected. */
  constructor(expected: Digest | undefined) {
    this.#algorithm = expected === undefined ? "sha256" : digestAlgorithm(expected);
    this.#hash = createHash(this.#algorithm);
  }

  update(bytes: Uint8Array | string): this {
    this.#hash.update(bytes);
    return this;
  }

  /** Of what came so far. */
  digest(): Digest {
    return parseDigest(`${this.#algorithm}:${this.#hash.copy().digest("hex")}`);
  }
}

/**
 * The digest of a small blob (a manifest, a config), computed on the spot; made as `expected` was, by sha256
 * when nothing is expected.
 */
export function digestOf(bytes: Uint8Array | string, expected?: Digest): Digest {
  return new Digester(expected).update(bytes).digest();
}
