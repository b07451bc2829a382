import { messageOf } from "../../ground/errors/index.ts";
import { type Digest, type Reference, repositoryName } from "../oci/index.ts";
import { verifyByGpg } from "./gpg-verify.ts";
import { readSource } from "./key-source.ts";
import { parsePayload, type SignedPayload } from "./payload.ts";
import { type Policy, requirementsFor } from "./policy.ts";
import { PolicyError, refusal } from "./policy-error.ts";
import type { Requirement, SignedBy, SigstoreSigned } from "./requirement.ts";
import type { SignatureSource, SigstoreSignature } from "./signature-source.ts";
import { type ImageIdentity, matchesIdentity } from "./signed-identity.ts";
import { readTrustRoot } from "./sigstore/trust-root.ts";
import { verifySigstore } from "./sigstore/verify-sigstore.ts";

/** An image to be pulled from a registry. */
export type CheckedImage = {
  /** The requested reference. */
  readonly reference: Reference;
  /** Digests of its manifest and of the indexes that led to it: a signature of any of them is enough. */
  readonly digests: readonly Digest[];
};

/**
 * Throws PolicyError PermissionDenied, whose message begins with `SignatureValidationFailed` and names the
 * requirement, unless all requirements are met; FailedPrecondition for unreadable keys; and the errors of
 * `source`.
 */
export async function verifyImage(
  policy: Policy,
  image: CheckedImage,
  source: SignatureSource,
  signal: AbortSignal,
): Promise<void> {
  for (const requirement of requirementsFor(policy, image.reference)) {
    const why = await whyUnmet(requirement, image, source, signal);
    if (why === undefined) continue;
    throw new PolicyError(
      "PermissionDenied",
      `${refusal}: ${nameOf(image.reference)}: ${why} (policy ${policy.file})`,
    );
  }
}

async function whyUnmet(
  requirement: Requirement,
  image: CheckedImage,
  source: SignatureSource,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (requirement.kind === "insecureAcceptAnything") return undefined;
  if (requirement.kind === "reject") return "images of this scope are rejected";
  const reasons: string[] = [];
  for (const digest of image.digests) {
    const found =
      requirement.kind === "signedBy"
        ? bySimpleSigning(source.simple(digest), requirement, signal)
        : bySigstore(source.sigstore(digest), requirement);
    for await (const claims of found) {
      const why = typeof claims === "string" ? claims : whyOther(claims, digest, requirement, image);
      if (why === undefined) return undefined;
      reasons.push(why);
    }
  }
  if (reasons.length === 0) return "a signature is required, but none was found";
  return `a signature is required, but none is valid: ${[...new Set(reasons)].join("; ")}`;
}

/** The statement of each signed message, or why it does not count. */
async function* bySimpleSigning(
  messages: AsyncIterable<Uint8Array>,
  requirement: SignedBy,
  signal: AbortSignal,
): AsyncGenerator<readonly SignedPayload[] | string> {
  const keyrings = await Promise.all(requirement.keyrings.map(readSource));
  for await (const message of messages) {
    const content = await verifyByGpg(message, keyrings, signal);
    yield content === undefined
      ? "it is not by a key of the policy, or it has expired or been revoked"
      : payloadOrReason(content);
  }
}

async function* bySigstore(
  signatures: AsyncIterable<SigstoreSignature>,
  requirement: SigstoreSigned,
): AsyncGenerator<readonly SignedPayload[] | string> {
  const root = await readTrustRoot(requirement);
  for await (const signature of signatures) yield await verifySigstore(signature, root);
}

function payloadOrReason(content: Uint8Array): readonly SignedPayload[] | string {
  try {
    return [parsePayload(content, "atomic container signature")];
  } catch (error) {
    return messageOf(error);
  }
}

function whyOther(
  claims: readonly SignedPayload[],
  digest: Digest,
  { identity }: SignedBy | SigstoreSigned,
  image: CheckedImage,
): string | undefined {
  const ofThis = claims.filter((signed) => signed.digest === digest);
  if (ofThis.length === 0)
    return `it is for ${claims.map((signed) => signed.digest).join(", ")}, not for ${digest}`;
  if (ofThis.some((signed) => matchesIdentity(identity, identityOf(image.reference), signed.identity)))
    return undefined;
  const names = ofThis.flatMap(({ identity: name }) =>
    name === undefined ? [] : [name.name + name.version],
  );
  return names.length === 0
    ? `it names no image, which only signedIdentity of type matchDigest accepts, not ${identity.kind}`
    : `it is for ${names.join(", ")}, which ${identity.kind} does not accept`;
}

/** With a digest, the tag is ignored, since it may have been moved. */
function identityOf(reference: Reference): ImageIdentity {
  const { tag, digest } = reference;
  return { name: repositoryName(reference), version: digest === undefined ? `:${tag}` : `@${digest}` };
}

function nameOf(reference: Reference): string {
  const { name, version } = identityOf(reference);
  return name + version;
}
