import type { Digest } from "../oci/index.ts";

/** Where the signatures of an image are to be found. Called when a requirement asks for them. */
export interface SignatureSource {
  /** Each is fetched when it is asked for. */
  sigstore(digest: Digest): AsyncIterable<SigstoreSignature>;
  /** OpenPGP signed messages, each fetched when it is asked for. */
  simple(digest: Digest): AsyncIterable<Uint8Array>;
}

/** A signature of sigstore, in one of the ways that cosign stores them. */
export type SigstoreSignature = AttachedSignature | SigstoreBundle;

/** Of the image under the tag that is made of the digest: a layer and its annotations. */
export type AttachedSignature = {
  readonly kind: "attached";
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer's certificate in PEM form. */
  readonly certificate: string | undefined;
  /** Those that lead from it to an authority. */
  readonly chain: string | undefined;
  /** What Rekor answered, as JSON. */
  readonly rekor: string | undefined;
};

/** A file in the form of `application/vnd.dev.sigstore.bundle.v0.3+json`, or an older one. */
export type SigstoreBundle = { readonly kind: "bundle"; readonly bytes: Uint8Array };
