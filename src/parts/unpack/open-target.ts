import { LayerImage } from "./image/layer-image.ts";
import type { LayerSink } from "./layer-sink.ts";
import { LayerWriter } from "./layer-writer.ts";
import type { LayerTarget } from "./unpack.ts";

export function openTarget(target: LayerTarget): LayerSink {
  return "form" in target ? new LayerImage(target.directory) : new LayerWriter(target);
}
