import { once } from "node:events";
import { rm } from "node:fs/promises";
import type {
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceError,
  sendUnaryData,
} from "@grpc/grpc-js";
import type { Engine } from "../../engine/index.ts";
import type { Image, Images } from "../../images/index.ts";
import { berthV1 } from "../../protocol/index.ts";
import { toCredentials } from "./credentials.ts";
import { receiveSource } from "./import-source.ts";
import { ProgressWriter } from "./progress-writer.ts";

export type BerthServiceOptions = {
  readonly engine: Pick<Engine, "images" | "untagImage" | "holdContainer">;
  /** Private directory on disk, of its own, where an archive that comes as bytes is kept until it is imported. Made when needed. */
  readonly spoolDir: string;
  /** Turns what was thrown into a gRPC status: the one that the CRI door uses. */
  readonly toStatus: (error: unknown) => Partial<ServiceError>;
  /** Ends streams that have no end of their own. */
  readonly closing: AbortSignal;
};

/**
 * The service and its handlers, for `server.addService(definition, handlers)`, with archives cleared away that were
 * being received when the process died.
 */
export async function openBerthService(options: BerthServiceOptions): Promise<{
  readonly definition: typeof berthV1.BerthService;
  readonly handlers: berthV1.BerthServer;
}> {
  await rm(options.spoolDir, { recursive: true, force: true });
  return {
    definition: berthV1.BerthService,
    handlers: {
      pullImage: (call) => void pullImage(call, options),
      importImage: (call, callback) => void importImage(call, callback, options),
      pinImage: (call, callback) => void pinImage(call, callback, options),
      removeImage: (call, callback) => void removeImage(call, callback, options),
      holdContainer: (call) => void holdContainer(call, options),
    },
  };
}

async function pullImage(
  call: ServerWritableStream<berthV1.PullImageRequest, berthV1.PullImageResponse>,
  { engine: { images }, toStatus }: BerthServiceOptions,
): Promise<void> {
  const canceled = cancellationOf(call);
  const progress = new ProgressWriter(call);
  try {
    const credentials = toCredentials(call.request.credentials);
    const image = await images.pull(
      {
        reference: call.request.reference,
        onProgress: (step) => progress.report(step),
        ...(credentials === undefined ? {} : { credentials }),
      },
      canceled,
    );
    progress.end(image.id);
  } catch (error) {
    progress.abandon();
    call.emit("error", toStatus(error));
  }
}

async function importImage(
  call: ServerReadableStream<berthV1.ImportImageRequest, berthV1.ImportImageResponse>,
  callback: sendUnaryData<berthV1.ImportImageResponse>,
  { engine: { images }, spoolDir, toStatus }: BerthServiceOptions,
): Promise<void> {
  try {
    const imported = await receiveAndImport(call, images, spoolDir);
    callback(null, { images: imported.map(toImportedImage) });
  } catch (error) {
    callback(toStatus(error));
  }
}

async function pinImage(
  { request }: ServerUnaryCall<berthV1.PinImageRequest, berthV1.PinImageResponse>,
  callback: sendUnaryData<berthV1.PinImageResponse>,
  { engine: { images }, toStatus }: BerthServiceOptions,
): Promise<void> {
  try {
    const { id, pinned } = await images.setPinned(request.image, request.pinned);
    callback(null, { id, pinned });
  } catch (error) {
    callback(toStatus(error));
  }
}

async function removeImage(
  { request }: ServerUnaryCall<berthV1.RemoveImageRequest, berthV1.RemoveImageResponse>,
  callback: sendUnaryData<berthV1.RemoveImageResponse>,
  { engine, toStatus }: BerthServiceOptions,
): Promise<void> {
  try {
    const { untagged, removed = "" } = await engine.untagImage(request.image, request.force);
    callback(null, { untagged: [...untagged], removed });
  } catch (error) {
    callback(toStatus(error));
  }
}

async function holdContainer(
  call: ServerWritableStream<berthV1.HoldContainerRequest, berthV1.HoldContainerResponse>,
  { engine, toStatus, closing }: BerthServiceOptions,
): Promise<void> {
  try {
    using _ = engine.holdContainer(call.request.containerId);
    call.write({});
    const ended = AbortSignal.any([cancellationOf(call), closing]);
    if (!ended.aborted) await once(ended, "abort");
    call.end();
  } catch (error) {
    call.emit("error", toStatus(error));
  }
}

async function receiveAndImport(
  call: ServerReadableStream<berthV1.ImportImageRequest, berthV1.ImportImageResponse>,
  images: Images,
  spoolDir: string,
): Promise<readonly Image[]> {
  const canceled = cancellationOf(call);
  await using source = await receiveSource(call, spoolDir);
  return await images.importArchive(source.path, canceled);
}

function cancellationOf(call: { on(event: "cancelled", listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  call.on("cancelled", () => controller.abort());
  return controller.signal;
}

function toImportedImage(image: Image): berthV1.ImportedImage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
  };
}
