import { RegistriesD, readPolicy, verifyImage } from "../../../parts/policy/index.ts";
import type { RegistrySource } from "../registry-source.ts";
import type { SelectedManifest } from "../select-manifest.ts";
import { ImageSignatures } from "./image-signatures.ts";

/** Files that say which images of registries may be used. */
export type TrustOptions = {
  /** In the form of containers-policy.json(5); undefined for none, which takes every image. */
  readonly policy: string | undefined;
  /** Directory of files in the form of containers-registries.d(5). */
  readonly registriesDir: string;
};

/**
 * Throws PolicyError unless the policy takes an image that has been resolved, whatever of it is here already.
 * The files are read anew for each image.
 */
export async function requireTrusted(
  { policy: file, registriesDir }: TrustOptions,
  registry: RegistrySource,
  { document, indexes }: SelectedManifest,
  signal: AbortSignal,
): Promise<void> {
  if (file === undefined) return;
  const [policy, registries] = await Promise.all([readPolicy(file), RegistriesD.read(registriesDir)]);
  const reference = registry.repository;
  const digests = [document, ...indexes.toReversed()].map(({ descriptor }) => descriptor.digest);
  const signatures = new ImageSignatures(registry, registries.storageOf(reference), signal);
  await verifyImage(policy, { reference, digests }, signatures, signal);
}
