import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";
import { reportFailure } from "../report-failure.ts";

/**
 * Does something with each of the names and prints those that it was done with. One that fails is told of and
 * does not keep the others from being tried; the exit status is that of the first failure.
 */
export async function forEachName(
  names: readonly string[],
  action: (name: string) => Promise<void>,
  invocation: Invocation,
): Promise<void> {
  for (const name of new Set(names)) {
    try {
      await action(name);
      await write(invocation.io.stdout, `${name}\n`);
    } catch (error) {
      const status = reportFailure(error, invocation);
      if (invocation.exitCode === 0) invocation.exitCode = status;
    }
    if (invocation.signal.aborted) return;
  }
}
