import assert from "node:assert/strict";
import type { Digest, Reference } from "../../oci/index.ts";
import { parsePolicy, type SigstoreSignature, verifyImage } from "../index.ts";

/** Why a policy with one requirement rejects an image with these signatures; undefined if it does not. */
export async function whyRefused(
  requirement: object,
  image: { readonly reference: Reference; readonly digest: Digest },
  signatures: readonly SigstoreSignature[],
): Promise<string | undefined> {
  const policy = parsePolicy(JSON.stringify({ default: [requirement] }), "policy.json");
  const source = {
    async *sigstore() {
      yield* signatures;
    },
    async *simple() {},
  };
  const checked = { reference: image.reference, digests: [image.digest] };
  try {
    await verifyImage(policy, checked, source, new AbortController().signal);
    return undefined;
  } catch (error) {
    const { message, code } = error as Error & { readonly code?: string };
    assert.equal(code, "PermissionDenied", message);
    assert.match(message, /^SignatureValidationFailed: \S+: .* \(policy policy\.json\)$/);
    return message;
  }
}
