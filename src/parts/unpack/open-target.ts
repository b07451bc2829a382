import { ArchiveReceiver } from "./archive-receiver.ts";
import { ErofsLayer } from "./image/erofs-layer.ts";
import { LayerImage } from "./image/layer-image.ts";
import type { LayerReceiver } from "./layer-receiver.ts";
import { LayerWriter } from "./layer-writer.ts";
import type { LayerFormat, LayerTarget } from "./unpack.ts";
import { UnpackError } from "./unpack-error.ts";

/** Throws UnpackError Unimplemented for a layer that the target does not support. */
export function openTarget(target: LayerTarget, format: LayerFormat): LayerReceiver {
  const isImage = "form" in target;
  if (format === "tar") {
    return new ArchiveReceiver(isImage ? new LayerImage(target.directory) : new LayerWriter(target));
  }
  if (isImage) return new ErofsLayer(target.directory);
  const message = "an EROFS image cannot be unpacked into a directory; use the erofs snapshotter";
  throw new UnpackError("Unimplemented", message);
}
