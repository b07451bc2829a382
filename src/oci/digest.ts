import { BerthError } from "../errors/index.ts";

/** A content address such as `sha256:<64 hex>`; made only by {@link parseDigest}. OCI image-spec 1.1, descriptor.md#digests. */
export type Digest = `sha256:${string}` & { readonly __brand: "Digest" };

/** A value from an image, archive or registry that is not what the OCI specifications say. Code InvalidArgument. */
export class OciFormatError extends BerthError {
  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("InvalidArgument", message, options);
  }
}

const sha256Pattern = /^sha256:[0-9a-f]{64}$/;

/** Checks a digest's form. Only sha256 is accepted: it is the one algorithm that registries serve. Throws {@link OciFormatError}. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new OciFormatError(
      `invalid digest ${JSON.stringify(text.slice(0, 100))}: expected sha256: and 64 lower-case hex digits`,
    );
  }
  return text;
}

/** True for a well-formed sha256 digest. */
export function isDigest(text: string): text is Digest {
  return sha256Pattern.test(text);
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
