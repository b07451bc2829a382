import { type Config, ConfigError } from "../ground/config/index.ts";
import type { LayerLimits } from "../parts/unpack/index.ts";
import type { ThresholdOptions } from "../services/images/index.ts";

/** The configured limits of layers from pulls, archives and clients. */
export function layerLimits(images: Config["images"]): LayerLimits {
  const { maxLayerBytes, maxLayerFiles, minFreePercent } = images;
  return { maxBytes: maxLayerBytes, maxFiles: maxLayerFiles, minFreePercent };
}

/** How often the disk is checked; kubelets check every five minutes. */
const periodMs = 60_000;

/** When images are removed because the disk fills up. Throws ConfigError InvalidArgument. */
export function imageThresholds({
  gcHighPercent,
  gcLowPercent,
  gcMinAgeMs,
}: Config["images"]): ThresholdOptions {
  if (gcHighPercent > 0 && gcLowPercent > gcHighPercent)
    throw new ConfigError(
      "InvalidArgument",
      `images.gc_low_percent is ${gcLowPercent}, more than images.gc_high_percent, which is ${gcHighPercent}`,
    );
  return { highPercent: gcHighPercent, lowPercent: gcLowPercent, minAgeMs: gcMinAgeMs, periodMs };
}
