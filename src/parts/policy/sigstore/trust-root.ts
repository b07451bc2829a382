import type { KeyObject, X509Certificate } from "node:crypto";
import type { SigstoreSigned } from "../requirement.ts";
import { readCertificates, readPublicKey } from "./public-keys.ts";
import type { FulcioSigner, PkiSigner } from "./signers.ts";

/** The trusted keys and certificates of a requirement, read from its files. */
export type TrustRoot = {
  readonly signers: TrustedKeys | TrustedAuthority;
  /** Keys of Rekor logs; undefined if no entry is required. */
  readonly rekorKeys: readonly KeyObject[] | undefined;
};

export type TrustedKeys = { readonly kind: "keys"; readonly keys: readonly KeyObject[] };

export type TrustedAuthority = {
  readonly kind: "authority";
  readonly signer: FulcioSigner | PkiSigner;
  readonly anchors: readonly X509Certificate[];
  readonly intermediates: readonly X509Certificate[];
};

/** Reads the files. Throws PolicyError FailedPrecondition for a missing or invalid one. */
export async function readTrustRoot({ signers, rekorKeys }: SigstoreSigned): Promise<TrustRoot> {
  return {
    signers: await readSigners(signers),
    rekorKeys: rekorKeys === undefined ? undefined : await Promise.all(rekorKeys.map(readPublicKey)),
  };
}

async function readSigners(signers: SigstoreSigned["signers"]): Promise<TrustRoot["signers"]> {
  switch (signers.kind) {
    case "keys":
      return { kind: "keys", keys: await Promise.all(signers.keys.map(readPublicKey)) };
    case "fulcio": {
      const anchors = await readCertificates(signers.authority);
      return { kind: "authority", signer: signers, anchors, intermediates: [] };
    }
    case "pki": {
      const { roots, intermediates } = signers;
      return {
        kind: "authority",
        signer: signers,
        anchors: await readCertificates(roots),
        intermediates: intermediates === undefined ? [] : await readCertificates(intermediates),
      };
    }
  }
}
