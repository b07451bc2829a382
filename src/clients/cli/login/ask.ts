import { once } from "node:events";
import { createInterface } from "node:readline";
import { CliError, exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";

/** Asks for a line of text. */
export async function ask(question: string, { io, signal }: Invocation): Promise<string> {
  await write(io.stderr, question);
  const lines = createInterface({ input: io.stdin });
  try {
    const [line] = await Promise.race([
      once(lines, "line", { signal }),
      once(lines, "close", { signal }).then(() => [""]),
    ]);
    return String(line).trim();
  } finally {
    lines.close();
  }
}

const keys = { interrupt: "\x03", end: "\x04", erase: ["\x7f", "\b"], enter: ["\r", "\n"] } as const;

/** Asks for a line that is not shown while it is typed. Throws CliError Canceled for Ctrl-C. */
export async function askHidden(question: string, { io, signal }: Invocation): Promise<string> {
  const { stdin } = io;
  // First, so that nothing is shown of what is typed as soon as the question appears.
  stdin.setRawMode?.(true);
  await write(io.stderr, question);
  const done = new AbortController();
  const options = { signal: AbortSignal.any([signal, done.signal]) };
  // A terminal that hangs up, and input that ends, send no key.
  const ended = once(stdin, "end", options).then(() => [keys.end]);
  ended.catch(() => undefined);
  try {
    const typed: string[] = [];
    stdin.resume();
    for (;;) {
      const [chunk] = await Promise.race([once(stdin, "data", options), ended]);
      for (const key of String(chunk)) {
        if (key === keys.interrupt)
          throw new CliError("Canceled", "interrupted", { exitCode: exitCode.interrupted });
        if (key === keys.end || isOneOf(keys.enter, key)) return typed.join("");
        if (isOneOf(keys.erase, key)) typed.pop();
        else typed.push(key);
      }
    }
  } finally {
    done.abort();
    stdin.pause();
    stdin.setRawMode?.(false);
    await write(io.stderr, "\n");
  }
}

function isOneOf(some: readonly string[], key: string): boolean {
  return some.includes(key);
}
