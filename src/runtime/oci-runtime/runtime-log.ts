import { readLogTail } from "../log-tail.ts";

/**
 * The last error in a log that an OCI runtime wrote with `--log-format json`; what it says in plain text where it does
 * not keep to that; undefined when there is nothing.
 */
export async function lastRuntimeError(logPath: string): Promise<string | undefined> {
  const lines = (await readLogTail(logPath)).split("\n").filter((line) => line.trim() !== "");
  const entries = lines.map(parseEntry);
  const errors = entries.filter((entry) => entry.level === "error" || entry.level === "fatal");
  return (errors.at(-1) ?? entries.at(-1))?.message;
}

function parseEntry(line: string): { readonly level: string; readonly message: string } {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === "object" && entry !== null && "msg" in entry && typeof entry.msg === "string") {
      return { level: "level" in entry ? String(entry.level) : "", message: entry.msg };
    }
  } catch {
    // Not JSON: the line itself is the message.
  }
  return { level: "", message: line };
}
