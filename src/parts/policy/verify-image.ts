import { readFile } from "node:fs/promises";
import { messageOf } from "../../ground/errors/index.ts";
import { type Digest, type Reference, repositoryName } from "../oci/index.ts";
import { verifyByGpg } from "./gpg-verify.ts";
import { parsePayload, type SignedPayload } from "./payload.ts";
import { type Policy, requirementsFor } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import type { KeySource, Requirement, SignatureRequirement } from "./requirement.ts";
import { type ImageIdentity, matchesIdentity } from "./signed-identity.ts";
import { isSignedBy, readPublicKey } from "./sigstore-keys.ts";

/** An image about to be taken from a registry. */
export type CheckedImage = {
  /** As it was asked for. */
  readonly reference: Reference;
  /** Of its manifest, and of the indexes that led to it: a signature of any of them vouches for it. */
  readonly digests: readonly Digest[];
};

/** A signature that cosign's way of storing them holds. */
export type SigstoreSignature = { readonly payload: Uint8Array; readonly signature: Uint8Array };

/** Where the signatures of an image are to be found. Called when a requirement asks for them. */
export interface SignatureSource {
  sigstore(digest: Digest): Promise<readonly SigstoreSignature[]>;
  /** OpenPGP signed messages, each fetched when it is asked for. */
  simple(digest: Digest): AsyncIterable<Uint8Array>;
}

/**
 * Throws PolicyError PermissionDenied, whose message begins with `SignatureValidationFailed` and says which
 * requirement is not met, unless all requirements are; FailedPrecondition for keys that cannot be read; and
 * what `source` throws.
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
      `SignatureValidationFailed: ${nameOf(image.reference)}: ${why} (policy ${policy.file})`,
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
  const keys = await Promise.all(requirement.keys.map(readKey));
  const reasons: string[] = [];
  for (const digest of image.digests) {
    const signatures =
      requirement.kind === "signedBy"
        ? bySimpleSigning(source.simple(digest), keys, signal)
        : bySigstore(await source.sigstore(digest), keys, requirement);
    for await (const payload of signatures) {
      const why = typeof payload === "string" ? payload : whyOther(payload, digest, requirement, image);
      if (why === undefined) return undefined;
      reasons.push(why);
    }
  }
  if (reasons.length === 0) return "a signature is required, and none was found";
  return `a signature is required, and none that was found counts: ${[...new Set(reasons)].join("; ")}`;
}

/** What each signed message says, or why it does not count. */
async function* bySimpleSigning(
  messages: AsyncIterable<Uint8Array>,
  keyrings: readonly Uint8Array[],
  signal: AbortSignal,
): AsyncGenerator<SignedPayload | string> {
  for await (const message of messages) {
    const content = await verifyByGpg(message, keyrings, signal);
    yield content === undefined
      ? "it is not by a key of the policy, or it has expired or been revoked"
      : await payloadOrReason(content, "atomic container signature");
  }
}

async function* bySigstore(
  signatures: readonly SigstoreSignature[],
  pems: readonly Uint8Array[],
  requirement: SignatureRequirement,
): AsyncGenerator<SignedPayload | string> {
  const keys = pems.map((pem, index) => readPublicKey(pem, describeKey(requirement.keys[index])));
  for (const { payload, signature } of signatures) {
    yield keys.some((key) => isSignedBy(key, payload, signature))
      ? await payloadOrReason(payload, "cosign container image signature")
      : "it is not by a key of the policy";
  }
}

async function payloadOrReason(...parts: Parameters<typeof parsePayload>): Promise<SignedPayload | string> {
  try {
    return await parsePayload(...parts);
  } catch (error) {
    return messageOf(error);
  }
}

function whyOther(
  signed: SignedPayload,
  digest: Digest,
  { identity }: SignatureRequirement,
  image: CheckedImage,
): string | undefined {
  if (signed.digest !== digest) return `it is one of ${signed.digest}, not of ${digest}`;
  if (matchesIdentity(identity, identityOf(image.reference), signed.identity)) return undefined;
  return `it is one of ${signed.identity.name}${signed.identity.version}, which ${identity.kind} does not take`;
}

/** With a digest the tag does not count: it may have been moved. */
function identityOf(reference: Reference): ImageIdentity {
  const { tag, digest } = reference;
  return { name: repositoryName(reference), version: digest === undefined ? `:${tag}` : `@${digest}` };
}

function nameOf(reference: Reference): string {
  const { name, version } = identityOf(reference);
  return name + version;
}

async function readKey(key: KeySource): Promise<Uint8Array> {
  if ("data" in key) return key.data;
  try {
    return await readFile(key.path);
  } catch (error) {
    throw new PolicyError(
      "FailedPrecondition",
      `cannot read a key of the signature policy: ${messageOf(error)}`,
    );
  }
}

function describeKey(key: KeySource | undefined): string {
  return key !== undefined && "path" in key ? key.path : "keyData of the signature policy";
}
