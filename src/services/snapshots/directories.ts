import { randomInt } from "node:crypto";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { ignoreMissing } from "../../ground/fs/index.ts";
import { hintUnrelatedSubdirectories } from "../../ground/linux/index.ts";

/** The first number of an empty root is chosen below this. */
const firstNumbers = 1000;

const treeMode = 0o755;

/** Directory of one snapshot. */
export type SnapshotDirectory = {
  readonly path: string;
  /** The tree, or its changes to its parents. */
  readonly fs: string;
  /** overlayfs's work directory. */
  readonly work: string;
  /** Files of a layer stored as an image, whose tree is mounted at `fs`. */
  readonly image: string;
};

/**
 * The numbered directories of one snapshotter and namespace. Numbers keep paths short: all lower directories
 * of a mount must fit into one page.
 */
export class SnapshotDirectories {
  readonly root: string;
  #nextId: number;
  /** Whether the daemon's umask clears bits that trees need; known once one was created. */
  #mustSetMode: boolean | undefined;

  private constructor(root: string, nextId: number) {
    this.root = root;
    this.#nextId = nextId;
  }

  /**
   * `root` need not exist. An empty one begins with a random number: ext4 places entries by a hash of their
   * names, and has the least work where no other root's snapshots were just deleted.
   */
  static async open(root: string): Promise<SnapshotDirectories> {
    const directories = new SnapshotDirectories(root, randomInt(1, firstNumbers));
    const ids = await directories.ids();
    if (ids.length > 0) directories.#nextId = Math.max(...ids) + 1;
    return directories;
  }

  /** Numbers of the existing directories. */
  async ids(): Promise<readonly number[]> {
    const names = (await readdir(this.root).catch(ignoreMissing)) ?? [];
    return names.filter((name) => /^[1-9][0-9]{0,14}$/.test(name)).map(Number);
  }

  at(id: number): SnapshotDirectory {
    const path = join(this.root, String(id));
    return { path, fs: join(path, "fs"), work: join(path, "work"), image: join(path, "image") };
  }

  /** A number not used since `open`. */
  takeId(): number {
    return this.#nextId++;
  }

  /** Creates `root` (mode 0700) if it does not exist. */
  async makeRoot(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await hintUnrelatedSubdirectories(this.root);
  }

  /**
   * Creates a snapshot's directory below the existing `root`, with an empty tree that anyone may enter, and
   * with overlayfs's work directory if requested.
   */
  async make(
    { path, fs, work }: SnapshotDirectory,
    { hasWork }: { readonly hasWork: boolean },
  ): Promise<void> {
    await mkdir(path, { mode: 0o700 });
    const below = [mkdir(fs, { mode: treeMode }), ...(hasWork ? [mkdir(work, { mode: 0o700 })] : [])];
    // After a failure, nothing may be created any more.
    await Promise.allSettled(below);
    await Promise.all(below);
    this.#mustSetMode ??= ((await stat(fs)).mode & 0o777) !== treeMode;
    if (this.#mustSetMode) await chmod(fs, treeMode);
  }
}
