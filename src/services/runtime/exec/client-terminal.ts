import type { PollThread, Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { ClientSockets } from "../streams/client-sockets.ts";
import { noSizes } from "../streams/terminal-sizes.ts";
import type { ClientStreams, TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";
import { TerminalIo } from "./terminal-io.ts";

/** A terminal of a command's own, and a client's streams, between which the daemon copies. */
export class ClientTerminal implements ExecIo {
  readonly resize: (size: TerminalSize) => void;
  readonly #terminal: TerminalIo;
  readonly #streams: ClientSockets;

  private constructor(pollThread: PollThread, streams: ClientSockets) {
    const { stdin, stdout } = streams;
    const terminal = new TerminalIo(pollThread, { stdin, stdout, resize: noSizes });
    this.resize = terminal.resize;
    this.#terminal = terminal;
    this.#streams = streams;
  }

  /** Throws RuntimeError InvalidArgument, DeadlineExceeded. */
  static async open(pollThread: PollThread, streams: ClientStreams): Promise<ClientTerminal> {
    return new ClientTerminal(pollThread, await ClientSockets.open(streams));
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
