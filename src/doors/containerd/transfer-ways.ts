import { ContentHold, type RegistryAccess } from "../../services/images/index.ts";
import { addToLease } from "./lease-resources.ts";
import type { RequestLog } from "./request-log.ts";
import { namesIn, putNames } from "./transfer-names.ts";
import { accessTo, requestLogOf } from "./transfer-registry.ts";
import { imageStoreOf, registryOf, type Transfer, toPlatforms, transferScopeOf } from "./transfer-types.ts";

/** Creates further names for the target of a name. */
export async function tag({ source, destination, storage, named }: Transfer): Promise<void> {
  const { name } = imageStoreOf(source);
  const store = imageStoreOf(destination);
  // The name may be deleted meanwhile, and its target collected.
  using hold = await ContentHold.open(storage.leases, (await named(name)).target);
  const { target } = await named(name);
  await hold.add([target]);
  await putNames(storage, namesIn(store, target), target);
}

export async function pull(transfer: Transfer): Promise<void> {
  const { storage, streamOf, progress, signal } = transfer;
  const registry = registryOf(transfer.source);
  const store = imageStoreOf(transfer.destination);
  const images = await transfer.images();
  const wishes = transferScopeOf(store, images);
  const { reference } = registry;
  progress.tell(`Resolving ${reference}`);
  await using log = requestLogOf(registry, streamOf, transfer);
  await images.fetch(
    {
      ...wishes,
      reference,
      access: logged(await accessTo(registry, streamOf, signal), log),
      onResolved: (target) => {
        progress.tell(`Pulling from OCI Registry (${reference})`);
        progress.tell("fetching image content", reference, target);
      },
      onProgress: (part) => progress.part(part, reference),
      name: async (target) => {
        await addToLease(storage, transfer.leaseId, { kind: "content", digest: target.digest });
        const names = namesIn(store, target);
        await putNames(storage, names, target);
        for (const { name } of names) progress.tell("saved", name, target);
      },
    },
    signal,
  );
  progress.tell(`Completed pull from OCI Registry (${reference})`);
}

export async function push(transfer: Transfer): Promise<void> {
  const { streamOf, progress, signal } = transfer;
  const { name, platforms } = imageStoreOf(transfer.source);
  const registry = registryOf(transfer.destination);
  const { reference } = registry;
  const { target } = await transfer.named(name);
  const images = await transfer.images();
  progress.tell(`Pushing to OCI Registry (${reference})`);
  progress.tell("pushing content", name, target);
  await using log = requestLogOf(registry, streamOf, transfer);
  await images.send(
    {
      image: name,
      target,
      reference,
      access: logged(await accessTo(registry, streamOf, signal), log),
      platform: toPlatforms(platforms),
      onProgress: (each) => progress.pushed(each, name),
    },
    signal,
  );
  progress.tell("pushed content", name, target);
  progress.tell(`Completed push to OCI Registry (${reference})`, "", target);
}

function logged(access: RegistryAccess, log: RequestLog | undefined): RegistryAccess {
  return log === undefined ? access : { ...access, onRequest: (text) => log.add(text) };
}
