import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import type { SpecResult } from "./critest.ts";

/**
 * The specs that have passed with an OCI runtime, in a committed file, so that one that no longer passes is
 * noticed.
 */
export class PassedSpecs {
  readonly #path: string;
  readonly #keys: ReadonlySet<string>;

  private constructor(path: string, keys: ReadonlySet<string>) {
    this.#path = path;
    this.#keys = keys;
  }

  static async of(handler: string): Promise<PassedSpecs> {
    const path = new URL(`../conformance/passed.${handler}.txt`, import.meta.url).pathname;
    const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
    return new PassedSpecs(path, new Set(lines));
  }

  includes({ key }: SpecResult): boolean {
    return this.#keys.has(key);
  }

  /** Specs that passed before and were not even run now. */
  missingFrom(results: readonly SpecResult[]): readonly string[] {
    const run = new Set(results.map(({ key }) => key));
    return [...this.#keys].filter((key) => !run.has(key));
  }

  /**
   * Fails if more specs pass than the file lists; with BERTH_CONFORMANCE_UPDATE=1, it adds them to the file.
   */
  async update(results: readonly SpecResult[]): Promise<void> {
    // Whether these pass also depends on the kernel: they are in no list.
    const counted = results.filter(
      ({ group, state }) => state === "passed" && !/AppArmor|SELinux/.test(group),
    );
    const more = counted.map(({ key }) => key).filter((key) => !this.#keys.has(key));
    if (process.env.BERTH_CONFORMANCE_UPDATE === "1" && more.length > 0)
      await writeFile(this.#path, `${[...this.#keys, ...more].sort().join("\n")}\n`);
    else assert.deepEqual(more, [], "set BERTH_CONFORMANCE_UPDATE=1 to add them");
  }
}
