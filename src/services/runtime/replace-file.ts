import { rename, rm, writeFile } from "node:fs/promises";
import { RuntimeError } from "./runtime-error.ts";

/**
 * Writes a private file as a whole under another name first: whoever reads it, also after a crash or on a
 * full disk, finds all of the old text or all of the new. No fsync: what is written so does not outlive the
 * machine's run. Throws RuntimeError ResourceExhausted when there is no room.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT")
      throw new RuntimeError("ResourceExhausted", `cannot write ${path}; free some space there`, { cause });
    throw cause;
  }
}
