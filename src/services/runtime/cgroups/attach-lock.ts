import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { cgroupPathIn } from "./process-cgroup.ts";

/**
 * The kernel's lock on moving processes between cgroups (cgroup_threadgroup_rwsem). Whoever takes it first
 * waits for an RCU grace period, some ten milliseconds, which is a third of what making a container takes and
 * more than half of an exec; those that follow in the next ten do not wait. So it is taken while the OCI
 * runtime is only being started.
 */
export class AttachLock {
  readonly #layout: CgroupLayout;
  #taking: Promise<void> | undefined;

  constructor(layout: CgroupLayout) {
    this.#layout = layout;
  }

  /** Takes the lock for a moment, in the background. Does nothing while it is being taken already. */
  warm(): void {
    this.#taking ??= this.#take()
      // The OCI runtime then waits itself.
      .catch(() => undefined)
      .finally(() => {
        this.#taking = undefined;
      });
  }

  /** Puts this process where it is: nothing moves. */
  async #take(): Promise<void> {
    const [controller, root] = this.#hierarchy();
    const path = cgroupPathIn(readFileSync("/proc/self/cgroup", "utf8"), controller);
    if (path !== undefined) await writeFile(join(root, path, "cgroup.procs"), String(process.pid));
  }

  /** Any will do, as the lock is one for all. */
  #hierarchy(): readonly [controller: string, mountPoint: string] {
    if (this.#layout.kind !== "v1") return ["", this.#layout.v2.mountPoint];
    const [first = ["", "/sys/fs/cgroup"]] = this.#layout.v1;
    return first;
  }
}
