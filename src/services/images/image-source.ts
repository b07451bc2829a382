import type { Descriptor, Reference } from "../../parts/oci/index.ts";
import type { LayerOrigin } from "./worker-messages.ts";

/** The source of an image: a registry or an archive. */
export interface ImageSource {
  /** For a registry, the image's repository. */
  readonly repository?: Pick<Reference, "host" | "repository">;
  /** Reads a manifest, index or config, and verifies it. */
  small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /** Where a layer's bytes can be read. Throws if they are known to be missing. */
  layer(descriptor: Descriptor): Promise<LayerOrigin>;
}
