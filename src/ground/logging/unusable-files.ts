import type { Logger } from "./logger.ts";

/**
 * A file that administrators or installers wrote, and that could not be used, or not wholly, when it was last
 * read.
 */
export type UnusableFile = {
  /** Absolute. */
  readonly path: string;
  /** What is wrong, and what follows. */
  readonly problem: string;
};

/**
 * The files that could not be used when they were last read, by the reader that found them, for the daemon to
 * go on without them and yet to say so: each is a warning in the log when it is found, and in the list until
 * it is put right or gone.
 */
export class UnusableFiles {
  readonly #logger: Pick<Logger, "warn">;
  readonly #byReader = new Map<string, readonly UnusableFile[]>();

  constructor(logger: Pick<Logger, "warn">) {
    this.#logger = logger;
  }

  /** What `reader` ("OCI hooks", "registry hosts") has found now, in the place of what it found before. */
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
