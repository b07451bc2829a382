import { mkdir, stat } from "node:fs/promises";
import { codeOf } from "../../../ground/errors/index.ts";
import { ignoreNowhere } from "../../../ground/fs/index.ts";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import {
  type ArchiveSource,
  type ConfigDump,
  readCheckpoint,
  unpackArchive,
} from "../../../services/checkpoint/index.ts";
import { EngineError, type Image } from "../../engine/index.ts";
import { newId } from "../records/records.ts";
import type { PodServices } from "../services.ts";
import { restoreDirectory } from "./paths.ts";

/** Images as they are looked for while a container is drafted. */
export type FoundImages = Pick<PodServices["images"], "find" | "layerFiles">;

/** A checkpoint that was unpacked for a new container. */
export type OpenedCheckpoint = {
  /** Id of the new container, which names the directory. */
  readonly containerId: string;
  /** The checkpointed container's image. */
  readonly image: Image;
};

/**
 * The archives of a checkpoint, if a container's image is one: the absolute path of an archive, as in CRI-O,
 * or an image created from one. Otherwise undefined. Throws EngineError NotFound for a path at which there is
 * no file.
 */
export async function checkpointSources(
  reference: string,
  lookUp: LookUp,
  { images }: { readonly images: FoundImages },
): Promise<readonly ArchiveSource[] | undefined> {
  if (reference.startsWith("/")) {
    await lookUp(reference, () => requireFile(reference));
    return [{ path: reference }];
  }
  const image = images.find(reference);
  if (image?.checkpoint !== true) return undefined;
  return images.layerFiles(image).map(({ path, digest, size }) => ({ path, expected: { digest, size } }));
}

/** Leaves nothing on an error. Throws EngineError. */
export async function openCheckpoint(
  sources: readonly ArchiveSource[],
  lookUp: LookUp,
  services: Pick<PodServices, "checkpointDir" | "trash"> & { readonly images: FoundImages },
): Promise<OpenedCheckpoint> {
  const containerId = newId();
  const directory = restoreDirectory(services.checkpointDir, containerId);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await unpackArchive(sources, directory, lookUp);
    const { config } = await readCheckpoint(directory);
    return { containerId, image: baseImage(config, services) };
  } catch (error) {
    await services.trash.take(directory);
    if (error instanceof EngineError || sources.some(({ expected }) => expected !== undefined)) throw error;
    const archives = sources.map(({ path }) => path).join(", ");
    throw new EngineError(codeOf(error), `${archives} cannot be read as the checkpoint of a container`, {
      cause: error,
    });
  }
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(ignoreNowhere);
  if (found?.isFile()) return;
  throw new EngineError(
    "NotFound",
    `checkpoint archive ${JSON.stringify(path)} not found; an image that starts with a slash is the path of a checkpoint archive`,
  );
}

/** The processes have files of exactly this image open, so another image with the same name does not work. */
function baseImage(config: ConfigDump, { images }: { readonly images: FoundImages }): Image {
  const { rootfsImageRef: ref, rootfsImageName: name } = config;
  const image = images.find(ref === "" ? name : ref);
  if (image !== undefined && image.checkpoint !== true) return image;
  throw new EngineError(
    "NotFound",
    `the checkpoint is of a container of image ${name || "without a name"} (${ref || "of unknown id"}), which was not found; pull that image first`,
  );
}
