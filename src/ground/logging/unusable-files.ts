import type { Logger } from "./logger.ts";

/** An administrator's or installer's file that could not be used, or only in part, when it was last read. */
export type UnusableFile = {
  /** Absolute. */
  readonly path: string;
  /** The problem and its consequence. */
  readonly problem: string;
};

/**
 * Files that could not be used when they were last read, by reader. The daemon continues without them, but
 * reports them: in a warning when one is found, and in this list until it is corrected or removed.
 */
export class UnusableFiles {
  readonly #logger: Pick<Logger, "warn">;
  readonly #byReader = new Map<string, readonly UnusableFile[]>();

  constructor(logger: Pick<Logger, "warn">) {
    this.#logger = logger;
  }

  /** Replaces what `reader` ("OCI hooks", "registry hosts") found before. */
  found(reader: string, files: readonly UnusableFile[]): void {
    const before = this.#byReader.get(reader) ?? [];
    for (const { path, problem } of files) {
      if (!before.some((known) => known.path === path && known.problem === problem))
        this.#logger.warn({ reader, path, problem }, "a file is invalid");
    }
    if (files.length === 0) this.#byReader.delete(reader);
    else this.#byReader.set(reader, files);
  }

  list(): readonly (UnusableFile & { readonly reader: string })[] {
    return [...this.#byReader].flatMap(([reader, files]) => files.map((file) => ({ reader, ...file })));
  }
}
