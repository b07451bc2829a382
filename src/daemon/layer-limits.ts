import type { Config } from "../ground/config/index.ts";
import type { LayerLimits } from "../parts/unpack/index.ts";

/** The configured limits of layers from pulls, archives and clients. */
export function layerLimits(images: Config["images"]): LayerLimits {
  const { maxLayerBytes, maxLayerFiles, minFreePercent } = images;
  return { maxBytes: maxLayerBytes, maxFiles: maxLayerFiles, minFreePercent };
}
