import { EngineError } from "../../engine/index.ts";
import type { ContainerRecord } from "../records/records.ts";

/**
 * Containers and pods whose checkpoint or commit was interrupted by the end of a daemon, and is not rolled
 * back yet: they may still be paused by it. A new one would take that for a client's pause, and leave it.
 */
export class PendingRollbacks {
  /** Ids of containers, and of pods that were checkpointed as a whole. */
  readonly #ids = new Set<string>();

  begin(id: string): void {
    this.#ids.add(id);
  }

  end(id: string): void {
    this.#ids.delete(id);
  }

  /** To be called with the container locked. Throws EngineError Unavailable if its rollback is pending. */
  refuse({ id, sandboxId }: Pick<ContainerRecord, "id" | "sandboxId">): void {
    if (!this.#ids.has(id) && !this.#ids.has(sandboxId)) return;
    throw new EngineError(
      "Unavailable",
      `container ${id}: a checkpoint or a commit that was interrupted is not rolled back yet; try again`,
    );
  }
}
