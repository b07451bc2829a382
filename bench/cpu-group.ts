import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const v1 = "/sys/fs/cgroup/cpuacct";

/**
 * A cgroup for one daemon, or several that work together, which contains everything that they start, except
 * for the containers' own processes. So its CPU time includes the daemons, their monitors or shims, OCI
 * runtimes and plugins, even those that have exited.
 */
export class CpuGroup implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async of(...pids: readonly number[]): Promise<CpuGroup> {
    const directory = join(existsSync(v1) ? v1 : "/sys/fs/cgroup", `berth-bench-${pids[0]}`);
    await mkdir(directory);
    for (const pid of pids) await writeFile(join(directory, "cgroup.procs"), String(pid));
    return new CpuGroup(directory);
  }

  async usedMs(): Promise<number> {
    if (this.#directory.startsWith(v1))
      return Number(await readFile(join(this.#directory, "cpuacct.usage"), "utf8")) / 1e6;
    const text = await readFile(join(this.#directory, "cpu.stat"), "utf8");
    return Number(/^usage_usec (\d+)$/m.exec(text)?.[1]) / 1e3;
  }

  /** The remaining processes are moved to the root. */
  async [Symbol.asyncDispose](): Promise<void> {
    const pids = await readFile(join(this.#directory, "cgroup.procs"), "utf8");
    const root = join(this.#directory, "..", "cgroup.procs");
    for (const pid of pids.split("\n").filter((line) => line !== ""))
      await writeFile(root, pid).catch(() => undefined);
    await rmdir(this.#directory);
  }
}
