import type { Io } from "../invocation.ts";
import type { LogLine } from "../logs/log-line.ts";
import { write } from "../output/write.ts";

/** A line without an end would be buffered forever, so longer ones are shown in pieces. */
const longestLineBytes = 1024 * 1024;

/** Writes the complete lines of one of several containers, each after the container's name. */
export class PrefixedPrinter {
  readonly #io: Io;
  readonly #prefix: Record<LogLine["stream"], Buffer>;
  /** The incomplete line of each stream. */
  readonly #open = new Map<LogLine["stream"], Buffer[]>();

  constructor(io: Io, prefix: Record<LogLine["stream"], string>) {
    this.#io = io;
    this.#prefix = { stdout: Buffer.from(prefix.stdout), stderr: Buffer.from(prefix.stderr) };
  }

  async print(lines: readonly LogLine[]): Promise<void> {
    for (const { stream, content, partial } of lines) {
      const pieces = this.#open.get(stream) ?? [];
      pieces.push(content);
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      if (partial && bytes < longestLineBytes) this.#open.set(stream, pieces);
      else await this.#write(stream, pieces);
    }
  }

  /** Writes incomplete lines. */
  async flush(): Promise<void> {
    for (const [stream, pieces] of this.#open) await this.#write(stream, pieces);
  }

  async #write(stream: LogLine["stream"], pieces: readonly Buffer[]): Promise<void> {
    this.#open.delete(stream);
    await write(this.#io[stream], Buffer.concat([this.#prefix[stream], ...pieces, Buffer.from("\n")]));
  }
}
