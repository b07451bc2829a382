import type { Digest } from "../../../parts/oci/index.ts";
import { RegistriesD, readPolicy, verifyImage } from "../../../parts/policy/index.ts";
import type { RegistrySource } from "../registry-source.ts";
import { ImageSignatures } from "./image-signatures.ts";

/** Files that say which images of registries may be used. */
export type TrustOptions = {
  /** In the form of containers-policy.json(5); undefined for none, which takes every image. */
  readonly policy: string | undefined;
  /** Directory of files in the form of containers-registries.d(5). */
  readonly registriesDir: string;
};

/**
 * Throws PolicyError unless the policy takes an image, whatever of it is here already. `digests` are its
 * manifest's and those of the indexes that led to it: a signature of any of them vouches for it. The files
 * are read anew for each image.
 */
export async function requireTrusted(
  { policy: file, registriesDir }: TrustOptions,
  registry: RegistrySource,
  digests: readonly Digest[],
  signal: AbortSignal,
): Promise<void> {
  if (file === undefined) return;
  const [policy, registries] = await Promise.all([readPolicy(file), RegistriesD.read(registriesDir)]);
  const reference = registry.repository;
  const signatures = new ImageSignatures(registry, registries.storageOf(reference), signal);
  await verifyImage(policy, { reference, digests }, signatures, signal);
}
