import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { cgroupPathIn } from "./process-cgroup.ts";

/**
 * The kernel's lock on moving processes between cgroups (cgroup_threadgroup_rwsem). The first to take it
 * waits for an RCU grace period of about ten milliseconds, a third of creating a container and more than half
 * of an exec; those within the next ten milliseconds do not wait. So it is taken while the OCI runtime is
 * still starting.
 */
export class AttachLock {
  readonly #layout: CgroupLayout;
  #taking: Promise<void> | undefined;

  constructor(layout: CgroupLayout) {
    this.#layout = layout;
  }

  /** Takes the lock briefly, in the background. Does nothing if it is already being taken. */
  warm(): void {
    this.#taking ??= this.#take()
      // Then the OCI runtime waits.
      .catch(() => undefined)
      .finally(() => {
        this.#taking = undefined;
      });
  }

  /** Moves this process to the cgroup where it already is. */
  async #take(): Promise<void> {
    const [controller, root] = this.#hierarchy();
    const path = cgroupPathIn(readFileSync("/proc/self/cgroup", "utf8"), controller);
    if (path !== undefined) await writeFile(join(root, path, "cgroup.procs"), String(process.pid));
  }

  /** Any will do: there is only one lock. */
  #hierarchy(): readonly [controller: string, mountPoint: string] {
    if (this.#layout.kind !== "v1") return ["", this.#layout.v2.mountPoint];
    const [first = ["", "/sys/fs/cgroup"]] = this.#layout.v1;
    return first;
  }
}
