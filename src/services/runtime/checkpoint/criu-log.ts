import { readLogTail } from "../log-tail.ts";

const shownErrors = 3;

/**
 * The last errors in criu's log, without times and source lines, as one line of text; "" if there are none.
 */
export async function criuErrors(path: string): Promise<string> {
  const errors = (await readLogTail(path)).split("\n").flatMap((line) => {
    const message = messageIn(line);
    // criu tries to raise its own limits, and says so when it may not.
    return message === undefined || message.startsWith("rlimit:") ? [] : [message];
  });
  return errors.slice(-shownErrors).join("; ");
}

/** The text after `Error (file.c:12): `. */
function messageIn(line: string): string | undefined {
  const [start, end] = ["Error (", "):"];
  const from = line.indexOf(start);
  const to = from === -1 ? -1 : line.indexOf(end, from);
  return to === -1 ? undefined : line.slice(to + end.length).trim();
}
