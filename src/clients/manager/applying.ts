import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../../ground/errors/index.ts";
import type { Manifest } from "../manifests/index.ts";
import { type Applied, inOrderOfUse, whyNotChange } from "./apply.ts";
import { ManagerError } from "./errors.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ObjectWriter } from "./object-writer.ts";
import type { StoredObject } from "./objects.ts";
import { successor } from "./replacement.ts";

export type ApplyingOptions = {
  readonly store: ObjectStore;
  readonly writer: ObjectWriter;
  /** Whose objects these are, if not a user's. */
  readonly source: string | undefined;
  readonly waitUntilGone: (uid: string) => Promise<void>;
};

/**
 * Does what applying comes to. Others may apply the same objects meanwhile: one that somebody else has made
 * since the plan is changed, by users and by whom it is from, and what each has become when its turn comes
 * decides whether it can be. Throws ManagerError.
 */
export async function applyPlanned(planned: readonly Applied[], options: ApplyingOptions): Promise<void> {
  for (const one of planned.toSorted(inOrderOfUse)) await applyOne(one, options);
}

async function applyOne({ manifest, outcome }: Applied, options: ApplyingOptions): Promise<void> {
  const { store, writer, source, waitUntilGone } = options;
  const before = store.get({ kind: manifest.kind, ...manifest.metadata });
  switch (outcome) {
    case "unchanged":
      return;
    case "configured":
      if (before !== undefined) await change(before, manifest, writer);
      return;
    case "replaced":
      if (before !== undefined) {
        const next = successor(manifest, source);
        const isThere = await store.update(before, ({ deleting }) => ({
          deleting: { ...deleting, successor: next },
        }));
        if (isThere) return await waitUntilGone(before.uid);
      }
      break;
    case "created":
      break;
  }
  try {
    await writer.create(manifest, source === undefined ? {} : { source });
  } catch (error) {
    const other = store.get({ kind: manifest.kind, ...manifest.metadata });
    if (!hasCode(error, "AlreadyExists") || other === undefined) throw error;
    if (source !== undefined && other.source !== source) throw error;
    await change(other, manifest, writer);
  }
}

async function change(object: StoredObject, manifest: Manifest, writer: ObjectWriter): Promise<void> {
  await writer.change(object, (now) => {
    if (isDeepStrictEqual(now.manifest, manifest) && now.deleting === undefined) return undefined;
    const why = whyNotChange(now, manifest);
    if (why !== undefined) throw new ManagerError("FailedPrecondition", why);
    return manifest;
  });
}
