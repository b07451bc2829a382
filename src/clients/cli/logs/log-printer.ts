import { parseRfc3339 } from "../../../ground/clock/index.ts";
import type { Io } from "../invocation.ts";
import { write } from "../output/write.ts";
import type { LogLine } from "./log-line.ts";

export type LogPrinterOptions = {
  readonly timestamps?: boolean;
  /** Nanoseconds since 1970; earlier lines are left out. */
  readonly sinceNs?: bigint;
};

const newline = Buffer.from("\n");

/** Writes a container's lines to our own streams as the container wrote them, with partial lines joined. */
export class LogPrinter {
  readonly #io: Io;
  readonly #options: LogPrinterOptions;
  /** The streams that are in the middle of a line. */
  readonly #open = new Set<LogLine["stream"]>();

  constructor(io: Io, options: LogPrinterOptions = {}) {
    this.#io = io;
    this.#options = options;
  }

  async print(lines: readonly LogLine[]): Promise<void> {
    let stream: LogLine["stream"] = "stdout";
    let pieces: Buffer[] = [];
    for (const line of lines) {
      if (!this.#isWanted(line)) continue;
      if (line.stream !== stream) {
        await this.#write(stream, pieces);
        stream = line.stream;
        pieces = [];
      }
      pieces.push(...this.#render(line));
    }
    await this.#write(stream, pieces);
  }

  #render(line: LogLine): Buffer[] {
    const begins = !this.#open.has(line.stream);
    if (line.partial) this.#open.add(line.stream);
    else this.#open.delete(line.stream);
    const prefix =
      begins && this.#options.timestamps === true && line.timestamp !== ""
        ? [Buffer.from(`${line.timestamp} `)]
        : [];
    return [...prefix, line.content, ...(line.partial ? [] : [newline])];
  }

  #isWanted(line: LogLine): boolean {
    const { sinceNs } = this.#options;
    return sinceNs === undefined || (parseRfc3339(line.timestamp) ?? sinceNs) >= sinceNs;
  }

  async #write(stream: LogLine["stream"], pieces: readonly Buffer[]): Promise<void> {
    if (pieces.length > 0) await write(this.#io[stream], Buffer.concat(pieces));
  }
}
