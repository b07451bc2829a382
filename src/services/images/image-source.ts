import type { Descriptor, Reference } from "../../parts/oci/index.ts";
import type { LayerOrigin } from "./worker-messages.ts";

/** Where an image comes from: a registry or an archive. */
export interface ImageSource {
  /** Of a registry: where the image is in it. */
  readonly repository?: Pick<Reference, "host" | "repository">;
  /** A manifest, index or config, verified. */
  small(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /** Where a layer's bytes can be read. Throws when it is known that they are not there. */
  layer(descriptor: Descriptor): Promise<LayerOrigin>;
}
