import { saveAttempt } from "./attempts.ts";
import { removeLog } from "./logs/rotate-log.ts";
import type { ObservedContainer, ObservedPod } from "./observe.ts";
import type { PodWork } from "./pod-work.ts";

export type ContainerRemovalsOptions = Pick<PodWork, "pod" | "context" | "runtime" | "observer"> & {
  /** Called before each removal, so that information from the container can be saved. */
  readonly onRemoval: (container: ObservedContainer) => void;
};

/** How many ended containers of each name are kept: the current and the previous one. */
const keptAttempts = 2;

/** Removes containers that are not needed any more. */
export class ContainerRemovals {
  readonly #options: ContainerRemovalsOptions;

  constructor(options: ContainerRemovalsOptions) {
    this.#options = options;
  }

  /** Removes one that may be the last of its name. */
  async remove(container: ObservedContainer): Promise<void> {
    await saveAttempt(this.#options, container);
    await this.#remove(container);
  }

  async #remove(container: ObservedContainer): Promise<void> {
    const { runtime, observer, onRemoval } = this.#options;
    onRemoval(container);
    observer(`pod-container-removal ${container.name}`);
    await runtime.removeContainer(container.id);
  }

  /** Removes earlier attempts than the kept ones, with their logs, and sandboxes before the last one. */
  async removeOld({ containers, earlier, oldSandboxes }: ObservedPod): Promise<void> {
    for (const attempts of [...containers.values(), ...earlier.values()]) {
      for (const old of attempts.slice(keptAttempts)) {
        await this.#remove(old);
        if (old.logPath !== "") await removeLog(old.logPath);
      }
    }
    for (const { id } of oldSandboxes.slice(1)) await this.#options.runtime.removeSandbox(id);
  }
}
