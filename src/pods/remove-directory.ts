import { rm } from "node:fs/promises";
import { EngineError } from "../engine/index.ts";
import { mountInfo } from "../linux/index.ts";

/**
 * Removes a directory of ours with what is in it; no error when it is not there. Throws EngineError FailedPrecondition when
 * something is still mounted below it: following that would delete what belongs to somebody else.
 */
export async function removeDirectory(directory: string): Promise<void> {
  const mounted = (await mountInfo()).find(
    ({ mountPoint }) => mountPoint === directory || mountPoint.startsWith(`${directory}/`),
  );
  if (mounted !== undefined) {
    throw new EngineError(
      "FailedPrecondition",
      `${directory} is not removed: ${mounted.mountPoint} is still mounted; unmount it and remove again`,
    );
  }
  await rm(directory, { recursive: true, force: true });
}
