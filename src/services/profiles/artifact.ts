import {
  type Descriptor,
  isIndexType,
  isManifestType,
  JsonNode,
  parseManifest,
} from "../../parts/oci/index.ts";
import type { ArtifactSource } from "../images/index.ts";
import { invalidProfile, registryFailure } from "./profile-error.ts";

/** Maximum size of a profile. Docker's default profile has 12 KiB. */
export const maxProfileBytes = 1024 * 1024;

/**
 * Media types of an artifact with a seccomp profile, its config or its layer. CRI-O and the Security Profiles
 * Operator push the first.
 */
const seccompTypes: ReadonlySet<string> = new Set([
  "application/vnd.cncf.seccomp-profile.config.v1+json",
  "application/vnd.cncf.seccomp-profile.v1+json",
]);

/** Fetches the only layer of a seccomp profile's artifact, as text. Throws ProfileError. */
export async function fetchProfile(
  reference: string,
  source: ArtifactSource,
  signal: AbortSignal,
): Promise<string> {
  const { descriptor, bytes } = await fromRegistry(source.resolve(signal));
  const layer = profileLayer(reference, descriptor, bytes);
  if (layer.size > maxProfileBytes)
    throw invalidProfile(
      reference,
      `the profile has ${layer.size} bytes, more than the allowed ${maxProfileBytes}`,
    );
  const profile = await fromRegistry(source.small(layer, signal));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(profile);
  } catch (cause) {
    throw invalidProfile(reference, "the profile is not UTF-8 text", cause);
  }
}

function profileLayer(reference: string, { mediaType }: Descriptor, bytes: Uint8Array): Descriptor {
  if (isIndexType(mediaType))
    throw invalidProfile(reference, "it is an index; a reference must name the manifest of one profile");
  if (!isManifestType(mediaType))
    throw invalidProfile(reference, `its media type ${JSON.stringify(mediaType)} is not that of a manifest`);
  const { types, layers } = readManifest(reference, mediaType, bytes);
  if (!types.some((type) => seccompTypes.has(type)))
    throw invalidProfile(reference, `it is not a seccomp profile: its media types are ${types.join(", ")}`);
  const [layer, ...others] = layers;
  if (layer !== undefined && others.length === 0) return layer;
  throw invalidProfile(reference, `it has ${layers.length} layers; the profile must be the only one`);
}

function readManifest(reference: string, mediaType: string, bytes: Uint8Array) {
  try {
    const { config, layers } = parseManifest(bytes, mediaType);
    const artifactType = JsonNode.parse(bytes, "manifest").at("artifactType");
    const own = artifactType.absent ? [] : [artifactType.string()];
    return { layers, types: [...own, config.mediaType, ...layers.map((each) => each.mediaType)] };
  } catch (cause) {
    throw invalidProfile(reference, "its manifest cannot be read", cause);
  }
}

async function fromRegistry<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw registryFailure(error);
  }
}
