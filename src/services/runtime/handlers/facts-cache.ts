import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Answers of programs, by their path, time and size, so that a restart of the daemon starts none of them. */
export class FactsCache<Facts> {
  readonly #path: string;
  readonly #facts: Map<string, Facts>;
  #changed = false;

  private constructor(path: string, facts: Map<string, Facts>) {
    this.#path = path;
    this.#facts = facts;
  }

  static async open<Facts>(path: string): Promise<FactsCache<Facts>> {
    try {
      const stored: Readonly<Record<string, Facts>> = JSON.parse(await readFile(path, "utf8"));
      return new FactsCache(path, new Map(Object.entries(stored)));
    } catch {
      // Missing or incomplete: the programs are queried again.
      return new FactsCache(path, new Map());
    }
  }

  get(key: string): Facts | undefined {
    return this.#facts.get(key);
  }

  set(key: string, facts: Facts): void {
    if (this.#facts.get(key) === facts) return;
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
