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
  const actAndPrint = async (name: string) => {
    await action(name);
    await write(invocation.io.stdout, `${name}\n`);
  };
  await eachOf(names, actAndPrint, invocation);
}

/** As {@link forEachName}, but prints nothing and returns the results of those that succeeded. */
export async function eachOf<Item, T>(
  items: readonly Item[],
  action: (item: Item) => Promise<T>,
  invocation: Invocation,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const item of new Set(items)) {
    try {
      results.push(await action(item));
    } catch (error) {
      const status = reportFailure(error, invocation);
      if (invocation.exitCode === 0) invocation.exitCode = status;
    }
    if (invocation.signal.aborted) break;
  }
  return results;
}
