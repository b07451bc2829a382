import { type Config, ConfigError } from "../ground/config/index.ts";
import type { ThresholdOptions } from "../services/images/index.ts";

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
