import { setTimeout as delay } from "node:timers/promises";

/** Asks again until the answer is not undefined or false; fails after a time that only a broken machine needs. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(20);
  }
}
