import { readLogTail } from "../log-tail.ts";

/** Enough for a message that repeats the kernel's longest argument twice, with escapes. */
const tailBytes = 1024 * 1024;

/**
 * The last error in a log that an OCI runtime wrote with `--log-format json`, {@link clipped}; what it says
 * in plain text where it does not keep to that; undefined when there is nothing.
 */
export async function lastRuntimeError(logPath: string): Promise<string | undefined> {
  const entries = parseEntries(await readLogTail(logPath, tailBytes));
  const errors = entries.filter((entry) => entry.level === "error" || entry.level === "fatal");
  const message = (errors.at(-1) ?? entries.at(-1))?.message;
  return message === undefined ? undefined : clipped(message.trim());
}

const clippedCharacters = 2048;

/** Beginning and end of a message, whose length pods can choose. */
export function clipped(message: string): string {
  if (message.length <= clippedCharacters) return message;
  return `${message.slice(0, clippedCharacters / 2)} ... ${message.slice(-clippedCharacters / 2)}`;
}

type Entry = { readonly level: string; readonly message: string };

/**
 * An entry has a line, or several: crun since 1.28 begins and ends each with a line that has its brace alone.
 */
function parseEntries(text: string): readonly Entry[] {
  const entries: Entry[] = [];
  let begun: string[] | undefined;
  for (const line of text.split("\n").filter((each) => each.trim() !== "")) {
    if (line === "{") begun = [];
    begun?.push(line);
    if (begun === undefined) entries.push(parseEntry(line));
    if (line !== "}" || begun === undefined) continue;
    entries.push(parseEntry(begun.join("\n")));
    begun = undefined;
  }
  if (begun !== undefined) entries.push(...begun.map(parseEntry));
  return entries;
}

function parseEntry(text: string): Entry {
  try {
    const entry: unknown = JSON.parse(text);
    if (typeof entry === "object" && entry !== null && "msg" in entry && typeof entry.msg === "string") {
      return { level: "level" in entry ? String(entry.level) : "", message: entry.msg };
    }
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { level: "", message: text };
}
