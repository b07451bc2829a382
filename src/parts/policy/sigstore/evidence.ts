import type { X509Certificate } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import type { SignedPayload } from "../payload.ts";

/** What a signature consists of, in whichever way it was stored. Nothing of it has been checked. */
export type Evidence = {
  readonly signature: Buffer;
  /** What the signature is over. */
  readonly signed: Uint8Array;
  /** What it means: what is signed, or what is inside of its envelope. */
  readonly payload: Uint8Array;
  /** Reads them; to be called where the policy asks for a certificate, since others do not matter then. */
  readonly certificates: () => SignerCertificates;
  /** Reads those of Rekor; to be called where the policy asks for one. */
  readonly entries: () => Promise<readonly TransparencyLogEntry[]>;
  /** Reads what is signed; to be called once the signature is known to be good. */
  readonly claims: () => Promise<readonly SignedPayload[]>;
};

export type SignerCertificates = {
  readonly leaf: X509Certificate | undefined;
  readonly intermediates: readonly X509Certificate[];
};
