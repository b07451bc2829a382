import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, type ErrorCode } from "../../../ground/errors/index.ts";
import { mountSnapshot, unmount } from "../../../ground/linux/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { Mount } from "../index.ts";

/** Mounts while `use` runs. */
export async function mounted<T>(mounts: readonly Mount[], use: (tree: string) => Promise<T>): Promise<T> {
  await using scratch = await tempDir();
  const target = await mkdtemp(join(scratch.path, "mnt-"));
  await mountSnapshot(mounts, target);
  try {
    return await use(target);
  } finally {
    await unmount(target);
  }
}

/** For `assert.rejects`: a BerthError with this code. */
export const code = (expected: ErrorCode) => (error: unknown) =>
  error instanceof BerthError && error.code === expected;
