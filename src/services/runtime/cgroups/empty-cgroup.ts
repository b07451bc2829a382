import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../ground/fs/index.ts";
import type { CgroupLayout } from "../../../ground/linux/index.ts";
import { accountingControllers } from "./place-process.ts";

/**
 * Creates a cgroup without processes (a path as in the hierarchies) in every hierarchy that has its parent.
 * Not an error if it exists. For other programs to find: it limits and accounts nothing.
 */
export async function makeEmptyCgroup(layout: CgroupLayout, path: string): Promise<void> {
  await Promise.all(directoriesOf(layout, path).map((directory) => ignoring(mkdir(directory))));
}

/** Removes an empty one. Not an error if it does not exist. */
export async function removeEmptyCgroup(layout: CgroupLayout, path: string): Promise<void> {
  await Promise.all(directoriesOf(layout, path).map((directory) => ignoring(rmdir(directory))));
}

function directoriesOf(layout: CgroupLayout, path: string): readonly string[] {
  const roots =
    layout.kind === "v2"
      ? [layout.v2.mountPoint]
      : accountingControllers.flatMap((name) => layout.v1.get(name) ?? []);
  return [...new Set(roots)].map((root) => join(root, path));
}

async function ignoring(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "EEXIST")) throw error;
  }
}
