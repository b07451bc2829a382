import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ProgramFacts } from "./program-facts.ts";

/** What programs said, by their path, time and size, so that a restart of the daemon starts none of them. */
export class FactsCache {
  readonly #path: string;
  readonly #facts: Map<string, ProgramFacts>;
  #changed = false;

  private constructor(path: string, facts: Map<string, ProgramFacts>) {
    this.#path = path;
    this.#facts = facts;
  }

  static async open(path: string): Promise<FactsCache> {
    try {
      const stored: Readonly<Record<string, ProgramFacts>> = JSON.parse(await readFile(path, "utf8"));
      return new FactsCache(path, new Map(Object.entries(stored)));
    } catch {
      // Not there, or cut off: the programs are asked again.
      return new FactsCache(path, new Map());
    }
  }

  get(key: string): ProgramFacts | undefined {
    return this.#facts.get(key);
  }

  set(key: string, facts: ProgramFacts): void {
    this.#facts.set(key, facts);
    this.#changed = true;
  }

  async save(): Promise<void> {
    if (!this.#changed) return;
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    await writeFile(`${this.#path}.new`, JSON.stringify(Object.fromEntries(this.#facts)), { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }
}
