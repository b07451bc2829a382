/** The arguments of a benchmark: its numbers, in order, and whether it prints JSON (`--json`). */
export const numbers: readonly number[] = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number);

export const asJson: boolean = process.argv.includes("--json");

/** The value of `--NAME VALUE`. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? undefined : process.argv[at + 1];
}
