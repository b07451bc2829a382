import { renameSync, rmSync, writeFileSync } from "node:fs";
import { RuntimeError } from "./runtime-error.ts";

const ending = ".new";

/** Whether a crash during {@link replaceFile} left this file. */
export function isUnfinishedFile(path: string): boolean {
  return path.endsWith(ending);
}

/**
 * Replaces a private file of the state directory: it is written under another name first, so that readers,
 * also after a crash or on a full disk, find either the whole old text or the whole new one. Without fsync,
 * since such files need not survive a restart of the machine. Throws RuntimeError ResourceExhausted if there
 * is no space.
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
