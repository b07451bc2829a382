import { messageOf } from "../../ground/errors/index.ts";
import {
  ImageFsInfoRequest,
  ImageServiceService,
  ListContainersRequest,
  ListImagesRequest,
  ListPodSandboxStatsRequest,
  RemoveImageRequest,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import type { Client } from "../criclient/index.ts";
import { containerNameLabel, podUidLabel } from "../podspec/index.ts";

export type PodStats = {
  /** Without the inactive file cache. */
  readonly memoryBytes: number;
  /** `diskBytes` and `diskInodes` count what it has written outside of volumes. */
  readonly containers: readonly {
    readonly name: string;
    readonly memoryBytes: number;
    readonly diskBytes: number;
    readonly diskInodes: number;
  }[];
};

export async function podStats(client: Client, uid: string): Promise<PodStats> {
  const request = ListPodSandboxStatsRequest.fromPartial({
    filter: { labelSelector: { [podUidLabel]: uid } },
  });
  const { stats } = await client.unary(RuntimeServiceService.listPodSandboxStats, request);
  const containers = stats.flatMap(({ linux }) => linux?.containers ?? []);
  return {
    memoryBytes: stats.reduce(
      (sum, { linux }) => sum + Number(linux?.memory?.workingSetBytes?.value ?? 0),
      0,
    ),
    containers: containers.map(({ attributes, memory, writableLayer }) => ({
      name: attributes?.labels[containerNameLabel] ?? attributes?.metadata?.name ?? "",
      memoryBytes: Number(memory?.workingSetBytes?.value ?? 0),
      diskBytes: Number(writableLayer?.usedBytes?.value ?? 0),
      diskInodes: Number(writableLayer?.inodesUsed?.value ?? 0),
    })),
  };
}

/** The directory of the runtime's images; undefined if it does not report it. */
export async function imageDirectory(client: Client): Promise<string | undefined> {
  const request = ImageFsInfoRequest.fromPartial({});
  const { imageFilesystems } = await client.unary(ImageServiceService.imageFsInfo, request);
  return imageFilesystems[0]?.fsId?.mountpoint || undefined;
}

/**
 * Removes images without containers, the first in `order` first, until `enough` returns true. Pinned ones
 * stay. An image from which a container is just being created is pulled again. An image that cannot be
 * removed does not keep the others; `onProblem` is called with the reason.
 */
export async function removeUnusedImages(
  client: Client,
  {
    onProblem,
    isOld = () => true,
    order = () => 0,
    enough = async () => false,
  }: {
    readonly onProblem: (message: string) => void;
    readonly isOld?: (imageId: string) => boolean;
    readonly order?: (imageId: string) => number;
    readonly enough?: () => Promise<boolean>;
  },
): Promise<void> {
  const used = await usedImages(client);
  const { images } = await client.unary(ImageServiceService.listImages, ListImagesRequest.fromPartial({}));
  const unused = images
    .filter(({ id, pinned }) => !pinned && !used.has(id) && isOld(id))
    .toSorted((one, other) => order(one.id) - order(other.id));
  for (const { id } of unused) {
    if (await enough()) return;
    const request = RemoveImageRequest.fromPartial({ image: { image: id } });
    await client
      .unary(ImageServiceService.removeImage, request)
      .catch((error: unknown) => onProblem(`the unused image ${id} cannot be removed: ${messageOf(error)}`));
  }
}

export async function imageIds(client: Client): Promise<ReadonlySet<string>> {
  const { images } = await client.unary(ImageServiceService.listImages, ListImagesRequest.fromPartial({}));
  return new Set(images.map(({ id }) => id));
}

/** Ids and references of the images of all containers, whatever their state is. */
export async function usedImages(client: Client): Promise<ReadonlySet<string>> {
  const { containers } = await client.unary(
    RuntimeServiceService.listContainers,
    ListContainersRequest.fromPartial({}),
  );
  return new Set(
    containers.flatMap(({ image, imageRef, imageId }) => [image?.image ?? "", imageRef, imageId]),
  );
}
