import { setTimeout as delay } from "node:timers/promises";

/**
 * Repeats the check until its result is not undefined or false; fails after a time that only a broken machine
 * needs.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  { limitMs = 30_000, everyMs = 20 }: { readonly limitMs?: number; readonly everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(everyMs);
  }
}
