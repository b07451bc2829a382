import { berthV1 } from "../../ground/protocol/index.ts";
import { formatPlatform } from "../../parts/oci/index.ts";
import type { ImageUsage, NamedManifest } from "../../services/images/index.ts";
import { toDescriptor } from "./inspect-image.ts";

const kinds = {
  image: berthV1.ManifestKind.MANIFEST_KIND_IMAGE,
  artifact: berthV1.ManifestKind.MANIFEST_KIND_ARTIFACT,
  attestation: berthV1.ManifestKind.MANIFEST_KIND_ATTESTATION,
} as const;

export function toNamedManifest(named: NamedManifest): berthV1.NamedManifest {
  const { name, manifest, id, kind, type = "", platform, presentBytes, isWhole } = named;
  return {
    ...{ name, id, type },
    manifest: toDescriptor(manifest),
    kind: kinds[kind],
    platform: platform === undefined ? "" : formatPlatform(platform),
    presentSize: BigInt(presentBytes),
    whole: isWhole,
  };
}

export function toImageUsage({ id, names, content, unpacked }: ImageUsage): berthV1.ImageUsage {
  return { id, names: [...names], content: toSharedBytes(content), unpacked: toSharedBytes(unpacked) };
}

function toSharedBytes({ own, shared }: ImageUsage["content"]): berthV1.SharedBytes {
  return { own: BigInt(own), shared: BigInt(shared) };
}
