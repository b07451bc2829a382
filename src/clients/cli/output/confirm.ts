import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Invocation } from "../invocation.ts";
import { write } from "./write.ts";

/** Asks on stderr and reads the answer from stdin; only `y` and `yes` confirm. */
export async function confirm(question: string, { io, signal }: Invocation): Promise<boolean> {
  await write(io.stderr, `${question} [y/N] `);
  const lines = createInterface({ input: io.stdin });
  try {
    const answer = await Promise.race([
      once(lines, "line", { signal }).then(([line]) => String(line)),
      once(lines, "close", { signal }).then(() => ""),
    ]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
