import { rmSync } from "node:fs";

/** Deletes a directory with all that is in it, following no link; no error when it is not there. */
export function deleteTree(path: string): void {
  rmSync(path, { recursive: true, force: true });
}
