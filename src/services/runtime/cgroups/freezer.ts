import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readIfThere, readNow } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { inHierarchyOf } from "./cgroup-in-hierarchy.ts";
import { childCgroups, writeIfThere } from "./cgroup-processes.ts";

/** A process that is blocked in the kernel is frozen later, and does nothing in the meantime. */
const waitMs = 200;

/**
 * Stops the processes of a cgroup without their noticing (cgroup-v1/freezer-subsystem.rst; cgroup.freeze of
 * v2). With v1, signals, even SIGKILL, have no effect on a frozen process until it is thawed; with v2,
 * SIGKILL ends it.
 */
export class Freezer {
  readonly #directory: string | undefined;
  readonly #isV2: boolean;

  /** `directory` is that of v2, or of v1's memory controller. Without a freezer, nothing is frozen. */
  constructor(layout: CgroupLayout, directory: string) {
    this.#isV2 = layout.kind === "v2";
    this.#directory = layout.kind === "v2" ? directory : inHierarchyOf(layout, "freezer", directory);
  }

  /** Does `work` while the cgroup is frozen, then thaws it. */
  async frozen(work: () => Promise<unknown>): Promise<void> {
    try {
      await this.#freeze();
      await work();
    } finally {
      await this.thaw();
    }
  }

  /** Whether it was requested; a process may not be stopped yet. */
  async isFrozen(): Promise<boolean> {
    if (this.#directory === undefined) return false;
    const [file, thawed] = this.#isV2 ? ["cgroup.freeze", "0"] : ["freezer.state", "THAWED"];
    const text = (await readIfThere(join(this.#directory, file))) ?? thawed;
    return text.trim() !== thawed;
  }

  async #freeze(): Promise<void> {
    if (this.#directory === undefined) return;
    const [file, text] = this.#isV2 ? ["cgroup.freeze", "1"] : ["freezer.state", "FROZEN"];
    if (!(await writeIfThere(this.#directory, file, text))) return;
    for (let waited = 0; waited < waitMs && !(await this.#hasStopped(this.#directory)); waited += 2)
      await sleep(2);
  }

  async #hasStopped(directory: string): Promise<boolean> {
    const file = this.#isV2 ? "cgroup.events" : "freezer.state";
    const text = (await readIfThere(join(directory, file))) ?? "";
    return /^(frozen 1|FROZEN)$/m.test(text);
  }

  /** Also thaws descendants, which may have been frozen separately. Does nothing if none is frozen. */
  async thaw(): Promise<void> {
    if (this.#directory !== undefined) await this.#thaw(this.#directory);
  }

  async #thaw(directory: string): Promise<void> {
    const [file, text] = this.#isV2 ? ["cgroup.freeze", "0"] : ["freezer.state", "THAWED"];
    if (readNow(join(directory, file))?.trim() !== text) await writeIfThere(directory, file, text);
    for (const child of await childCgroups(directory)) await this.#thaw(child);
  }
}
