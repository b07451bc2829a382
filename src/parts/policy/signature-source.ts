import type { Digest } from "../oci/index.ts";

/** Access to the signatures of an image, used only if a requirement needs them. */
export interface SignatureSource {
  /** The sigstore signatures, each fetched when it is requested. */
  sigstore(digest: Digest): AsyncIterable<SigstoreSignature>;
  /** OpenPGP signed messages, each fetched when it is requested. */
  simple(digest: Digest): AsyncIterable<Uint8Array>;
}

/** A sigstore signature, in one of cosign's formats. */
export type SigstoreSignature = AttachedSignature | SigstoreBundle;

/** A signature from the image whose tag is derived from the digest: a layer and its annotations. */
export type AttachedSignature = {
  readonly kind: "attached";
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer's certificate in PEM form. */
  readonly certificate: string | undefined;
  /** The certificates that lead from it to an authority. */
  readonly chain: string | undefined;
  /** Rekor's response, as JSON. */
  readonly rekor: string | undefined;
};

/** A file in the format of `application/vnd.dev.sigstore.bundle.v0.3+json`, or an older one. */
export type SigstoreBundle = { readonly kind: "bundle"; readonly bytes: Uint8Array };
