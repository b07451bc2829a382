import type { X509Certificate } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { SignedPayload } from "../payload.ts";

/** The parts of a signature, in whichever format it was stored. None of it has been verified. */
export type Evidence = {
  readonly signature: Buffer;
  /** The signed bytes. */
  readonly signed: Uint8Array;
  /** The content of the signed bytes: the same, or what is inside their envelope. */
  readonly payload: Uint8Array;
  /** Parses the certificates; to be called if the policy requires one, since otherwise they do not matter. */
  readonly certificates: () => SignerCertificates;
  /** Parses Rekor's entries; to be called if the policy requires one. */
  readonly entries: () => readonly TransparencyLogEntry[];
  /** Parses the signed content; to be called after the signature was verified. */
  readonly claims: () => readonly SignedPayload[];
};

export type SignerCertificates = {
  readonly leaf: X509Certificate | undefined;
  readonly intermediates: readonly X509Certificate[];
};
