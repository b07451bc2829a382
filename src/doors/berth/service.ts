import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { Engine } from "../../engines/engine/index.ts";
import { defineService, type GrpcService } from "../../ground/grpc/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import type { Image } from "../../services/images/index.ts";
import { receiveSource } from "./import-source.ts";
import { toInspectImageResponse } from "./inspect-image.ts";
import { pruneImages } from "./prune-images.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";
import { saveImages } from "./save.ts";

export type BerthServiceOptions = {
  readonly engine: Pick<Engine, "images" | "untagImage" | "pruneImages" | "holdContainer" | "ids">;
  /**
   * Private directory on disk, of its own, where an archive that comes as bytes is kept until it is imported.
   * Made when needed.
   */
  readonly spoolDir: string;
};

/** The service, with archives cleared away that were being received when the process died. */
export async function openBerthService({ engine, spoolDir }: BerthServiceOptions): Promise<GrpcService> {
  const { images } = engine;
  await rm(spoolDir, { recursive: true, force: true });
  return defineService(
    berthV1.BerthService,
    {
      pullImage: (request, { signal }) => pullImage(images, request, signal),
      pushImage: (request, { signal }) => pushImage(images, request, signal),

      async tagImage({ image, tag }) {
        return { reference: await images.tag(image, tag) };
      },

      async importImage(requests, { signal }) {
        await using source = await receiveSource(requests, spoolDir);
        const imported = await images.importArchive(source.path, signal);
        return { images: imported.map(toImportedImage) };
      },

      saveImages: (request, { signal }) => saveImages(images, request, signal),

      async pinImage(request) {
        const { id, pinned } = await images.setPinned(request.image, request.pinned);
        return { id, pinned };
      },

      async removeImage({ image, force }) {
        const { untagged, removed = "" } = await engine.untagImage(image, force);
        return { untagged: [...untagged], removed };
      },

      async inspectImage({ image }) {
        return toInspectImageResponse(await images.inspect(image));
      },

      pruneImages: (request) => pruneImages(engine, request),

      async *holdContainer({ containerId }, { signal }) {
        using _ = engine.holdContainer(containerId);
        yield {};
        if (!signal.aborted) await once(signal, "abort");
      },

      async listIds() {
        return { ids: [...engine.ids()] };
      },
    },
    { endless: ["holdContainer"] },
  );
}

function toImportedImage(image: Image): berthV1.ImportedImage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
  };
}
