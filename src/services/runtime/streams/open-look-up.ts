import type { FileHandle } from "node:fs/promises";
import type { LookUp } from "../../../ground/hostpaths/index.ts";

/**
 * Opens a file at a path that others choose. If it is opened only after the look-up was given up, it is
 * closed. Throws what both throw.
 */
export async function openLookedUp(
  path: string,
  lookUp: LookUp,
  open: () => Promise<FileHandle>,
): Promise<FileHandle> {
  let isGivenUp = false;
  const work = async () => {
    const handle = await open();
    if (isGivenUp) await handle.close();
    return handle;
  };
  try {
    return await lookUp(path, work);
  } catch (error) {
    isGivenUp = true;
    throw error;
  }
}
