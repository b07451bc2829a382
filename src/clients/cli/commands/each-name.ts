import type { Invocation } from "../invocation.ts";
import { write } from "../output/write.ts";
import { reportFailure } from "../report-failure.ts";

/**
 * Runs an operation for each name and prints the names for which it succeeded. Failures are reported and do
 * not stop the others; the exit status is that of the first failure.
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
