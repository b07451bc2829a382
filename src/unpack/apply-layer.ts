import type { AppliedLayer, ApplyOptions } from "./unpack.ts";
import { UnpackError } from "./unpack-error.ts";

/**
 * Applies the layer that `source` yields, compressed with gzip or zstd or not at all, to `options.target`. On an error the
 * target holds part of the layer and is for the caller to throw away. Blocks the thread it runs on. Throws {@link UnpackError},
 * what `source` throws, and the signal's reason.
 */
export async function applyLayer(
  _source: AsyncIterable<Uint8Array>,
  _options: ApplyOptions,
): Promise<AppliedLayer> {
  throw new UnpackError("Unimplemented", "layers cannot be applied yet");
}
