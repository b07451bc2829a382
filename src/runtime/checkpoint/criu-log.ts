import { open } from "node:fs/promises";

const tailBytes = 64 * 1024;
const shownErrors = 3;

/** The last errors in a log that criu wrote, without its times and source lines, as one line of text; "" when it has none. */
export async function criuErrors(path: string): Promise<string> {
  const errors = (await readTail(path)).split("\n").flatMap((line) => {
    const message = /Error \([^)]*\):\s*(.*)$/.exec(line)?.[1]?.trim();
    // criu tries to raise its own limits, and says so when it may not.
    return message === undefined || message.startsWith("rlimit:") ? [] : [message];
  });
  return errors.slice(-shownErrors).join("; ");
}

/** Its log is as long as the processes are many. */
async function readTail(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
