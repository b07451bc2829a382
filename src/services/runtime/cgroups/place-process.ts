import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CgroupLayout } from "../../../ground/linux/index.ts";

/**
 * Of the v1 hierarchies those that account or limit; a new cpuset would be of no use before it was set up.
 */
export const accountingControllers = ["cpu", "cpuacct", "memory", "pids", "name=systemd"];

/** Moves processes into one cgroup of the daemon's own, making it first. */
export class CgroupPlace {
  readonly #directories: readonly string[];
  #made: Promise<unknown> | undefined;

  /** `path` as in the hierarchies, such as "/berth/monitors". */
  constructor(layout: CgroupLayout, path: string) {
    const v1 = layout.kind === "v2" ? [] : accountingControllers.flatMap((name) => layout.v1.get(name) ?? []);
    const v2 = layout.kind === "v1" ? [] : [layout.v2.mountPoint];
    this.#directories = [...new Set([...v1, ...v2])].map((root) => join(root, path));
  }

  async put(pid: number): Promise<void> {
    this.#made ??= Promise.all(this.#directories.map((directory) => mkdir(directory, { recursive: true })));
    await this.#made;
    await Promise.all(
      this.#directories.map((directory) => writeFile(join(directory, "cgroup.procs"), String(pid))),
    );
  }
}
