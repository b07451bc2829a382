import type { KeyObject } from "node:crypto";
import { messageOf } from "../../../ground/errors/index.ts";
import type { SignedPayload } from "../payload.ts";
import type { SigstoreSignature } from "../signature-source.ts";
import { whyUntrusted } from "./certificate-chain.ts";
import { whyOtherSubject } from "./certificate-subject.ts";
import type { Evidence } from "./evidence.ts";
import { type Logged, loggedEntry } from "./log-inclusion.ts";
import { isSignedBy } from "./public-keys.ts";
import { readEvidence } from "./read-evidence.ts";
import type { TrustedAuthority, TrustRoot } from "./trust-root.ts";

/**
 * Returns the statement of a signature that is by a signer of the trust root and meets the requirement, or
 * why it does not count. Unreadable content is such a reason.
 */
export async function verifySigstore(
  stored: SigstoreSignature,
  root: TrustRoot,
): Promise<readonly SignedPayload[] | string> {
  try {
    const evidence = await readEvidence(stored);
    const why =
      root.signers.kind === "keys"
        ? await whyNotByKeys(evidence, root.signers.keys, root.rekorKeys)
        : await whyNotByAuthority(evidence, root.signers, root.rekorKeys);
    return why ?? evidence.claims();
  } catch (error) {
    return `it cannot be read: ${messageOf(error)}`;
  }
}

async function whyNotByKeys(
  evidence: Evidence,
  keys: readonly KeyObject[],
  rekorKeys: readonly KeyObject[] | undefined,
): Promise<string | undefined> {
  const key = keys.find((each) => isSignedBy(each, evidence.signed, evidence.signature));
  if (key === undefined) return "it is not by a key of the policy";
  if (rekorKeys === undefined) return undefined;
  const signer = key.export({ type: "spki", format: "der" });
  const logged = await loggedEntry(evidence, key, signer, rekorKeys);
  return typeof logged === "string" ? logged : undefined;
}

/** A certificate of Fulcio must have been valid when Rekor saw the signature; any other must be valid now. */
async function whyNotByAuthority(
  evidence: Evidence,
  { signer, anchors, intermediates }: TrustedAuthority,
  rekorKeys: readonly KeyObject[] | undefined,
): Promise<string | undefined> {
  const { leaf, intermediates: brought } = evidence.certificates();
  if (leaf === undefined) return "it has no certificate";
  if (!isSignedBy(leaf.publicKey, evidence.signed, evidence.signature))
    return "it is not by the key of its certificate";
  const logged: Logged | string =
    rekorKeys === undefined
      ? { time: new Date() }
      : await loggedEntry(evidence, leaf.publicKey, leaf.raw, rekorKeys);
  if (typeof logged === "string") return logged;
  const untrusted = await whyUntrusted({
    leaf,
    intermediates: [...intermediates, ...brought],
    anchors,
    time: logged.time,
  });
  return untrusted === undefined
    ? await whyOtherSubject(leaf, signer)
    : `its certificate is not trusted: ${untrusted}`;
}
