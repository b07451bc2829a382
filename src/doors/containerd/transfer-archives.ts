import type { Descriptor } from "../../parts/oci/index.ts";
import { hostPlatform } from "../../services/images/index.ts";
import { bytesFrom, sendBytes } from "./byte-streams.ts";
import { ContainerdError } from "./errors.ts";
import { addToLease } from "./lease-resources.ts";
import { archivedNames, isNamed, type Named, namesIn, putNames } from "./transfer-names.ts";
import {
  exportOf,
  imageStoreOf,
  importOf,
  type Transfer,
  toPlatform,
  transferScopeOf,
} from "./transfer-types.ts";

/** Imports the images of an archive that the client sends through a stream. */
export async function load(transfer: Transfer): Promise<void> {
  const { storage, streamOf, progress, signal } = transfer;
  const archive = importOf(transfer.source);
  const store = imageStoreOf(transfer.destination);
  using stream = streamOf(archive.stream);
  const images = await transfer.images();
  const wishes = transferScopeOf(store, images);
  progress.tell("Importing");
  let named = 0;
  const give = async (names: readonly Named[], target: Descriptor): Promise<void> => {
    if (names.length === 0) return;
    await addToLease(storage, transfer.leaseId, { kind: "content", digest: target.digest });
    await putNames(storage, names, target);
    for (const { name } of names) progress.tell("saved", name, target);
    named += names.length;
  };
  await images.load(
    {
      ...wishes,
      archive: bytesFrom(stream, signal),
      compress: archive.forceCompress,
      onProgress: (part) => progress.part(part, "archive"),
      name: (target, written) => give(archivedNames(store, target, written), target),
      ...(isNamed(store) ? { nameIndex: (target) => give(namesIn(store, target), target) } : {}),
    },
    signal,
  );
  if (named === 0)
    throw new ContainerdError(
      "InvalidArgument",
      "the archive names none of its images, or none that matches: name them by their digests",
    );
  progress.tell("Completed import");
}

/** Sends the bytes of one stream back through another: clients test streams with it. */
export async function echo({ source, destination, streamOf, signal }: Transfer): Promise<void> {
  using from = streamOf(importOf(source).stream);
  using to = streamOf(exportOf(destination).stream);
  await sendBytes(to, bytesFrom(from, signal), signal);
}

/** Exports images as an archive through a stream. */
export async function save(transfer: Transfer): Promise<void> {
  const { streamOf, progress, signal } = transfer;
  const store = imageStoreOf(transfer.source);
  const { stream: id, platforms, allPlatforms, skipCompatibilityManifest } = exportOf(transfer.destination);
  using stream = streamOf(id);
  if (store.extraReferences.some(({ isPrefix }) => isPrefix))
    throw new ContainerdError("Unimplemented", "ImageStore.extra_references: a prefix finds no names");
  const names = [
    ...(store.name === "" ? [] : [store.name]),
    ...store.extraReferences.map(({ name }) => name),
  ];
  if (names.length === 0) throw new ContainerdError("InvalidArgument", "source: it names no image");
  for (const name of names) await transfer.named(name);
  const images = await transfer.images();
  await using archive = await images.save(
    {
      images: names,
      format: skipCompatibilityManifest ? "layout" : "oci",
      // The index is not reduced, because nerdctl uses its digest as the image's id.
      platform: allPlatforms ? "all" : platforms.length > 0 ? platforms.map(toPlatform) : [hostPlatform()],
    },
    signal,
  );
  await sendBytes(stream, archive.bytes, signal);
  progress.tell("Completed export");
}
