import { Digester } from "../oci/index.ts";
import { TarError } from "../tar/index.ts";
import { ArchiveReceiver } from "./archive-receiver.ts";
import { CompressedInput } from "./compressed-input.ts";
import { decompress } from "./decompress.ts";
import { ErofsLayer } from "./image/erofs-layer.ts";
import { LayerImage } from "./image/layer-image.ts";
import type { LayerReceiver } from "./layer-receiver.ts";
import { LayerRoom } from "./layer-room.ts";
import { LayerWriter } from "./layer-writer.ts";
import type { AppliedLayer, ApplyOptions, LayerFormat, LayerTarget } from "./unpack.ts";
import { UnpackError } from "./unpack-error.ts";

/**
 * Applies the layer that `source` yields, compressed with gzip or zstd or uncompressed, to `options.target`.
 * After an error, the target contains part of the layer, and the caller must discard it. Blocks the thread on
 * which it runs. Throws {@link UnpackError}, the errors of `source`, and the signal's reason.
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array>,
  options: ApplyOptions,
): Promise<AppliedLayer> {
  const { expected, signal } = options;
  await using input = new CompressedInput(source, expected, signal);
  try {
    const { diffId, unpackedBytes, undescribedDirectories } = await unpack(input, options);
    const digest = await input.verify();
    if (expected.diffId !== undefined && diffId !== expected.diffId) {
      throw new UnpackError(
        "DataLoss",
        `layer ${digest} unpacks to ${diffId}, but the image's config lists ${expected.diffId}`,
      );
    }
    return { diffId, digest, sizeBytes: input.sizeBytes, unpackedBytes, undescribedDirectories };
  } catch (cause) {
    const error = cause instanceof TarError ? new UnpackError(cause.code, cause.message) : cause;
    if (mayBeDamage(error)) await input.verify();
    throw error;
  }
}

/**
 * Damage in transit looks like a malformed archive: only the digest distinguishes them, and only after damage
 * does a retry help.
 */
function mayBeDamage(error: unknown): boolean {
  return error instanceof UnpackError && (error.code === "InvalidArgument" || error.code === "DataLoss");
}

type Unpacked = Pick<AppliedLayer, "diffId" | "unpackedBytes" | "undescribedDirectories">;

async function unpack(
  input: CompressedInput,
  { target, format = "tar", expected, limits }: ApplyOptions,
): Promise<Unpacked> {
  using receiver = openTarget(target, format);
  const room = limits === undefined ? undefined : new LayerRoom(limits, expected.digest, target.directory);
  const digester = new Digester(expected.diffId);
  let unpackedBytes = 0;
  await decompress(input, (piece) => {
    unpackedBytes += piece.length;
    room?.take(piece.length);
    digester.update(piece);
    receiver.take(piece);
    room?.checkFiles(receiver.entries);
  });
  return { diffId: digester.digest(), unpackedBytes, undescribedDirectories: receiver.finish() };
}

/** Throws UnpackError Unimplemented for a layer that the target does not support. */
function openTarget(target: LayerTarget, format: LayerFormat): LayerReceiver {
  const isImage = "form" in target;
  if (format === "tar") {
    return new ArchiveReceiver(isImage ? new LayerImage(target.directory) : new LayerWriter(target));
  }
  if (isImage) return new ErofsLayer(target.directory);
  const message = "an EROFS image cannot be unpacked into a directory; use the erofs snapshotter";
  throw new UnpackError("Unimplemented", message);
}
