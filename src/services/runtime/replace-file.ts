import { renameSync, rmSync, writeFileSync } from "node:fs";
import { RuntimeError } from "./runtime-error.ts";

const ending = ".new";

/** Whether a crash during {@link replaceFile} left this file. */
export function isUnfinishedFile(path: string): boolean {
  return path.endsWith(ending);
}

/**
 * Writes a private file of the state directory as a whole under another name first: whoever reads it, also
 * after a crash or on a full disk, finds all of the old text or all of the new. No fsync: what is written so
 * does not outlive the machine's run. Throws RuntimeError ResourceExhausted when there is no room.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}${ending}`;
  try {
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT")
      throw new RuntimeError("ResourceExhausted", `cannot write ${path}; free some space there`, { cause });
    throw cause;
  }
}
