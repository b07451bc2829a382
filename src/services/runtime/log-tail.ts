import { open } from "node:fs/promises";
import { isErrno } from "../../ground/fs/index.ts";

/** The end of another program's log of any length: at most `limitBytes`; "" if there is none. */
export async function readLogTail(path: string, limitBytes = 64 * 1024): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, limitBytes));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}
