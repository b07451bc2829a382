import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { Engine } from "../../engines/engine/index.ts";
import { defineService, type GrpcService } from "../../ground/grpc/index.ts";
import { berthV1 } from "../../ground/protocol/index.ts";
import { parsePlatform } from "../../parts/oci/index.ts";
import type { ImageFiles, ImageMounts } from "../../services/imagefiles/index.ts";
import type { LoadedImage } from "../../services/images/index.ts";
import { commitContainer, diffImages, exportContainer, importFiles } from "./image-files.ts";
import { toImageUsage, toNamedManifest } from "./image-overview.ts";
import { receiveSource } from "./import-source.ts";
import { toInspectImageResponse } from "./inspect-image.ts";
import { pruneImages } from "./prune-images.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";
import { saveImages } from "./save.ts";

export type BerthServiceOptions = {
  readonly engine: Pick<
    Engine,
    "images" | "containers" | "untagImage" | "pruneImages" | "holdContainer" | "ids"
  >;
  readonly files: Pick<ImageFiles, "diff" | "commit" | "export" | "import">;
  readonly mounts: Pick<ImageMounts, "list" | "mount" | "unmount">;
  /**
   * Private directory on disk, of its own, where an archive that comes as bytes is kept until it is imported.
   * Made when needed.
   */
  readonly spoolDir: string;
};

/** The service, with archives cleared away that were being received when the process died. */
export async function openBerthService(options: BerthServiceOptions): Promise<GrpcService> {
  const { engine, files, mounts, spoolDir } = options;
  const { images, containers } = engine;
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
        const imported = await images.importArchive(source.path, signal, source);
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

      async inspectImage({ image, platform }) {
        const wanted = platform === "" ? undefined : parsePlatform(platform);
        return toInspectImageResponse(await images.inspect(image, wanted));
      },

      async listManifests() {
        return { manifests: (await images.manifests()).map(toNamedManifest) };
      },

      async listImageUsages() {
        return { images: (await images.usages()).map(toImageUsage) };
      },

      pruneImages: (request) => pruneImages(engine, request),

      diffImages: (request, { signal }) => diffImages(files, request, signal),

      async mountImage({ image, directory, writable }, { signal }) {
        const on = directory === "" ? undefined : directory;
        const mounted = await mounts.mount(image, on, writable, signal);
        return { id: mounted.imageId, directory: mounted.directory };
      },

      async unmountImage({ directory }, { signal }) {
        await mounts.unmount(directory, signal);
        return {};
      },

      async listImageMounts() {
        return { mounts: [...mounts.list()] };
      },

      commitContainer: (request, { signal }) => commitContainer({ containers, files }, request, signal),

      exportContainer: (request, { signal }) => exportContainer({ containers, files }, request, signal),

      importFiles: (requests, { signal }) => importFiles({ files, spoolDir }, requests, signal),

      async *holdContainer({ containerId }, { signal }) {
        using _ = engine.holdContainer(containerId);
        yield {};
        if (!signal.aborted) await once(signal, "abort");
      },

      async *holdImage({ image }, { signal }) {
        using _ = images.hold(image);
        yield {};
        if (!signal.aborted) await once(signal, "abort");
      },

      async listIds() {
        return { ids: [...engine.ids()] };
      },
    },
    { endless: ["holdContainer", "holdImage"] },
  );
}

function toImportedImage(image: LoadedImage): berthV1.ImportedImage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: BigInt(image.sizeBytes),
  };
}
