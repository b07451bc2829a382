import { parsePayload } from "../payload.ts";
import type { AttachedSignature, SigstoreSignature } from "../signature-source.ts";
import { wrong } from "../strict-json.ts";
import { readBundle } from "./bundle.ts";
import { certificatesIn } from "./certificate-chain.ts";
import type { Evidence } from "./evidence.ts";
import { parseLogEntry } from "./log-entry.ts";

/** Parses a stored signature. Throws if it is malformed. */
export async function readEvidence(stored: SigstoreSignature): Promise<Evidence> {
  return stored.kind === "bundle" ? await readBundle(stored.bytes) : readAttached(stored);
}

function readAttached(stored: AttachedSignature): Evidence {
  const { payload, signature, certificate, chain, rekor } = stored;
  return {
    signature: Buffer.from(signature),
    signed: payload,
    payload,
    certificates: () => {
      const leaves = certificate === undefined ? [] : certificatesIn(certificate);
      if (certificate !== undefined && leaves.length !== 1)
        throw wrong(`it has ${leaves.length} certificates where one is expected`);
      return { leaf: leaves[0], intermediates: chain === undefined ? [] : certificatesIn(chain) };
    },
    entries: () => (rekor === undefined ? [] : [parseLogEntry(rekor)]),
    claims: () => [parsePayload(payload, "cosign container image signature")],
  };
}
