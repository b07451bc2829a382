import { hasCode } from "../../../ground/errors/index.ts";
import type { Durability } from "../../../ground/metadata/index.ts";
import type { Snapshotter } from "../../../services/snapshots/index.ts";
import type { PodServices } from "../services.ts";

type Services = Pick<PodServices, "snapshotter" | "snapshotters">;

/** The snapshotter that has a snapshot: not the configured one where another was when it was made. */
export function snapshotterOf(key: string, { snapshotter, snapshotters }: Services): Snapshotter {
  return snapshotters().find((each) => each.stat(key) !== undefined) ?? snapshotter;
}

/** No error when there is none. */
export async function removeSnapshot(
  key: string,
  services: Services,
  durability?: Durability,
): Promise<void> {
  await snapshotterOf(key, services)
    .remove(key, durability)
    .catch((error: unknown) => {
      if (!hasCode(error, "NotFound")) throw error;
    });
}
