import type { Config } from "../ground/config/index.ts";
import type { LayerLimits } from "../parts/unpack/index.ts";

/** What the configuration allows layers, of pulls, archives and clients alike. */
export function layerLimits(images: Config["images"]): LayerLimits {
  const { maxLayerBytes, maxLayerFiles, minFreePercent } = images;
  return { maxBytes: maxLayerBytes, maxFiles: maxLayerFiles, minFreePercent };
}
