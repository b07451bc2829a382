import { execFile } from "node:child_process";
import { mkdir, open, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "./temp-dir.ts";

const run = promisify(execFile);

/** A file system of a few MiB that a test can fill; unmounted and gone when disposed of. Needs root. */
export type SmallDisk = AsyncDisposable & {
  readonly path: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** Leaves room for no file more, but for the bytes of those that are there. */
  fillInodes(): Promise<void>;
  /** Frees what {@link fill} and {@link fillInodes} took. */
  free(): Promise<void>;
};

/**
 * Mounts a tmpfs of that size, and of so many files and directories, its own root among them, where `inodes`
 * is given.
 */
export async function smallDisk(sizeBytes: number, inodes?: number): Promise<SmallDisk> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  await run("mount", [
    "-t",
    "tmpfs",
    "-o",
    `size=${sizeBytes}${inodes === undefined ? "" : `,nr_inodes=${inodes}`}`,
    "tmpfs",
    path,
  ]);
  undo.defer(async () => void (await run("umount", ["--lazy", path])));
  const filler = join(path, "filler");
  const fillers = join(path, "fillers");
  const mounted = undo.move();
  return {
    path,
    fill: () => fill(path, filler),
    fillInodes: () => fillInodes(path, fillers),
    free: async () => {
      for (const each of [filler, fillers]) await rm(each, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => mounted.disposeAsync(),
  };
}

async function fillInodes(disk: string, fillers: string): Promise<void> {
  await mkdir(fillers);
  for (let { ffree } = await statfs(disk); ffree > 0; ffree--) await writeFile(join(fillers, `${ffree}`), "");
}

async function fill(directory: string, filler: string): Promise<void> {
  await using file = await open(filler, "w");
  const { bsize } = await statfs(directory);
  // Many blocks at once as long as there are as many.
  for (const size of [bsize * 256, bsize]) {
    const chunk = Buffer.alloc(size);
    while ((await statfs(directory)).bfree * bsize >= size) await file.write(chunk);
  }
}
