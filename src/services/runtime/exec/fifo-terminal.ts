import type { PollThread, Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { FifoStreams } from "../streams/fifo-streams.ts";
import { noSizes } from "../streams/no-sizes.ts";
import type { Fifos, TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";
import { TerminalIo } from "./terminal-io.ts";

/** A terminal of a command's own, and a client's FIFOs, between which the daemon copies. */
export class FifoTerminal implements ExecIo {
  readonly resize: (size: TerminalSize) => void;
  readonly #terminal: TerminalIo;
  readonly #streams: FifoStreams;

  private constructor(pollThread: PollThread, streams: FifoStreams) {
    const { stdin, stdout } = streams;
    const terminal = new TerminalIo(pollThread, { stdin, stdout, resize: noSizes });
    this.resize = terminal.resize;
    this.#terminal = terminal;
    this.#streams = streams;
  }

  /** Throws RuntimeError InvalidArgument. */
  static async open(pollThread: PollThread, fifos: Omit<Fifos, "stderr">): Promise<FifoTerminal> {
    return new FifoTerminal(pollThread, await FifoStreams.open(fifos));
  }

  adapt(process: OciProcess): OciProcess {
    return this.#terminal.adapt(process);
  }

  prepare(files: ExecFiles): ExecStdio {
    return this.#terminal.prepare(files);
  }

  connect(runtime: Subprocess): void {
    this.#terminal.connect(runtime);
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return this.#terminal.stderr();
  }

  async outputEnded(ran: boolean, signal: AbortSignal): Promise<void> {
    await this.#terminal.outputEnded(ran, signal);
    await this.#streams.finish(signal);
  }

  closeStdin(): void {
    this.#terminal.closeStdin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#terminal[Symbol.asyncDispose]();
    await this.#streams[Symbol.asyncDispose]();
  }
}
