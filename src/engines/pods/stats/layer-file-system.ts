import { statfs } from "node:fs/promises";
import { mountOf } from "../../../ground/linux/index.ts";
import type { FileSystemStats } from "../../engine/index.ts";

/** The file system that holds containers' own layers. */
export class LayerFileSystem {
  readonly #directory: string;
  /** Found once: a node has hundreds of mounts to look through. */
  #device: Promise<string> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async stats(): Promise<FileSystemStats> {
    this.#device ??= deviceOf(this.#directory);
    const [stats, device] = await Promise.all([statfs(this.#directory, { bigint: true }), this.#device]);
    return {
      device,
      sizeBytes: stats.blocks * stats.bsize,
      inodes: stats.files,
      freeInodes: stats.ffree,
    };
  }
}

async function deviceOf(directory: string): Promise<string> {
  return (await mountOf(directory))?.source ?? "";
}
