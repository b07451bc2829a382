import type { ConsoleSocket, PollThread, Subprocess } from "../../../ground/linux/index.ts";
import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import type { OciProcess } from "../spec/types.ts";
import { connectTerminal, type TerminalConnection } from "../streams/terminal-connection.ts";
import { TerminalSizes } from "../streams/terminal-sizes.ts";
import type { TaskIo, TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";

/** Limit for the OCI runtime's own messages. */
const messageLimitBytes = 64 * 1024;

/**
 * An OCI runtime sends the terminal before its command runs: this is only for passing it between two of the
 * daemon's threads.
 */
const terminalWaitMs = 10_000;

/** A terminal for a command, connected to streams of the daemon. */
export class TerminalIo implements ExecIo {
  readonly #pollThread: PollThread;
  readonly #io: Pick<TaskIo, "stdin" | "stdout">;
  readonly #sizes: TerminalSizes;
  #consoleSocket: ConsoleSocket | undefined;
  #connection: TerminalConnection | undefined;
  #runtime: { readonly child: Subprocess; readonly messages: BoundedOutput } | undefined;

  constructor(pollThread: PollThread, io: Pick<TaskIo, "stdin" | "stdout" | "resize">) {
    this.#pollThread = pollThread;
    this.#io = io;
    this.#sizes = new TerminalSizes(io.resize);
  }

  adapt(process: OciProcess): OciProcess {
    const { latest } = this.#sizes;
    return { ...process, terminal: true, ...(latest !== undefined && { consoleSize: latest }) };
  }

  prepare(files: ExecFiles): ExecStdio {
    this.#consoleSocket = this.#pollThread.consoleSocket(files.console);
    return ["reads", "writes", "writes"];
  }

  connect(runtime: Subprocess): void {
    runtime.pipe(0).destroy();
    runtime.pipe(1).resume();
    this.#runtime = { child: runtime, messages: new BoundedOutput(runtime.pipe(2), messageLimitBytes) };
    if (this.#consoleSocket !== undefined)
      this.#connection = connectTerminal(this.#consoleSocket, { ...this.#io, sizes: this.#sizes });
  }

  stderr(): { readonly bytes: number; readonly text: string } {
    return { bytes: 0, text: this.#runtime?.messages.text() ?? "" };
  }

  async outputEnded(ran: boolean, signal: AbortSignal): Promise<void> {
    // A short command may end before its terminal is received.
    if (ran) await this.#connection?.made(terminalWaitMs);
    await Promise.all([this.#connection?.ended(signal), this.#runtime?.messages.ended(0)]);
    this.#runtime?.child.pipe(1).destroy();
  }

  /** A terminal's input has no separate end: the user types control-D. */
  closeStdin(): void {}

  resize = (size: TerminalSize): void => this.#sizes.set(size);

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.[Symbol.dispose]();
    await this.#consoleSocket?.[Symbol.asyncDispose]();
    await this.outputEnded(false, AbortSignal.abort());
  }
}
