import { mkdir, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./condition.ts";

const top = "/sys/fs/cgroup";

/**
 * A cgroup in each hierarchy below which a kubelet creates those of its pods; disposing of it removes
 * everything in it.
 */
export class KubeletCgroup implements AsyncDisposable {
  /** As in the kubelet's configuration. */
  readonly name: string;
  readonly #directories: readonly string[];

  private constructor(name: string, directories: readonly string[]) {
    this.name = name;
    this.#directories = directories;
  }

  static async make(): Promise<KubeletCgroup> {
    const name = `/berth-test-kubelet-${process.pid}`;
    const entries = await readdir(top, { withFileTypes: true });
    const hierarchies = entries.filter((entry) => entry.isDirectory()).map((entry) => join(top, entry.name));
    const directories = hierarchies.map((hierarchy) => join(hierarchy, name));
    for (const directory of directories) await mkdir(directory, { recursive: true });
    return new KubeletCgroup(name, directories);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const directory of this.#directories) await removeTree(directory);
  }
}

/** Processes that have just ended keep their cgroup for a moment. */
async function removeTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(directory, entry.name));
  await eventually(`${directory} can be removed`, () =>
    rmdir(directory).then(
      () => true,
      () => false,
    ),
  );
}
