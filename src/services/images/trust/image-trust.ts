import { type Digest, formatReference } from "../../../parts/oci/index.ts";
import {
  type CheckedArchive,
  PolicyError,
  RegistriesD,
  readPolicy,
  refusal,
  verifyArchive,
  verifyImage,
} from "../../../parts/policy/index.ts";
import type { RegistrySource } from "../registry-source.ts";
import { ImageSignatures } from "./image-signatures.ts";

/** The files that define which images may be used. */
export type TrustOptions = {
  /**
   * Path of a file in the format of containers-policy.json(5); undefined for none, which allows every image.
   */
  readonly policy: string | undefined;
  /** Directory of files in the format of containers-registries.d(5). */
  readonly registriesDir: string;
};

/**
 * Throws PolicyError, whose message begins with `SignatureValidationFailed`, unless the policy allows an
 * image, whatever part of it is already here; also if the policy cannot be read, or requires what cannot be
 * checked. `digests` are those of its manifest and of the indexes that led to it: a signature of any of these
 * is enough. The files are read again for each image.
 */
export async function requireTrusted(
  { policy: file, registriesDir }: TrustOptions,
  registry: RegistrySource,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<void> {
  if (file === undefined) return;
  const reference = registry.repository;
  await checked(formatReference(reference), async () => {
    const [policy, registries] = await Promise.all([readPolicy(file), RegistriesD.read(registriesDir)]);
    const signatures = new ImageSignatures(registry, registries.storageOf(reference), signal);
    await verifyImage(policy, { reference, digests }, signatures, signal);
  });
}

/** The same for images of an archive. */
export async function requireTrustedArchive(
  { policy: file }: Pick<TrustOptions, "policy">,
  archive: CheckedArchive,
): Promise<void> {
  if (file === undefined) return;
  await checked(`${archive.transport}:${archive.path ?? ""}`, async () =>
    verifyArchive(await readPolicy(file), archive),
  );
}

/** A policy that cannot be read rejects the image, too. */
async function checked(name: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof PolicyError) || error.code !== "FailedPrecondition") throw error;
    const message = `${refusal}: ${name} cannot be checked: ${error.message}`;
    throw new PolicyError("FailedPrecondition", message, { cause: error });
  }
}
