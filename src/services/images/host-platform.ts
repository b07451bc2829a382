import type { Platform } from "../../parts/oci/index.ts";
import type { SnapshotterCapabilities } from "../snapshots/index.ts";

const architectures: Partial<Record<NodeJS.Architecture, Pick<Platform, "architecture" | "variant">>> = {
  x64: { architecture: "amd64" },
  ia32: { architecture: "386" },
  arm64: { architecture: "arm64", variant: "v8" },
  arm: { architecture: "arm", variant: "v7" },
};

/** The platform of this host, in the names of OCI images (those of Go). */
export function hostPlatform(): Platform {
  return { os: "linux", ...(architectures[process.arch] ?? { architecture: process.arch }) };
}

/** What images must run on that are unpacked with a snapshotter of these capabilities. */
export function imagePlatform({ erofsLayers }: SnapshotterCapabilities): Platform {
  return { ...hostPlatform(), ...(erofsLayers ? { "os.features": ["erofs"] } : {}) };
}
