import type { TerminalSize } from "../tasks.ts";

/**
 * Applies the sizes of a terminal one at a time; of those that come while one is being applied only the last
 * counts. Resolves when there are no more; throws what `apply` throws.
 */
export async function followSizes(
  sizes: AsyncIterable<TerminalSize>,
  apply: (size: TerminalSize) => void | Promise<void>,
): Promise<void> {
  let latest: TerminalSize | undefined;
  let applying: Promise<void> | undefined;
  const applyLatest = async () => {
    for (let size = latest; size !== undefined; size = latest) {
      latest = undefined;
      await apply(size);
    }
    applying = undefined;
  };
  for await (const size of sizes) {
    latest = size;
    applying ??= applyLatest();
    applying.catch(() => undefined);
  }
  await applying;
}
