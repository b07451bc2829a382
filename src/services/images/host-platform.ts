import type { Platform } from "../../parts/oci/index.ts";
import type { SnapshotterCapabilities } from "../snapshots/index.ts";

const architectures: Partial<Record<NodeJS.Architecture, Pick<Platform, "architecture" | "variant">>> = {
  x64: { architecture: "amd64" },
  ia32: { architecture: "386" },
  arm64: { architecture: "arm64", variant: "v8" },
  arm: { architecture: "arm", variant: "v7" },
};

/** The platform of this host, with the names of OCI images (those of Go). */
export function hostPlatform(): Platform {
  return { os: "linux", ...(architectures[process.arch] ?? { architecture: process.arch }) };
}

/** The platform that images must have, given the capabilities of the snapshotter that unpacks them. */
export function imagePlatform({ erofsLayers }: SnapshotterCapabilities): Platform {
  return { ...hostPlatform(), ...(erofsLayers ? { "os.features": ["erofs"] } : {}) };
}
