import { once } from "node:events";
import { constants, openSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import type { PollThread, Subprocess } from "../../../ground/linux/index.ts";
import type { OciProcess } from "../spec/types.ts";
import { type OpenFifo, openFifo } from "../streams/fifo.ts";
import type { Fifos, TerminalSize } from "../tasks.ts";
import type { ExecFiles } from "./exec-files.ts";
import type { ExecIo, ExecStdio } from "./exec-io.ts";
import { noSizes } from "./no-sizes.ts";
import { TerminalIo } from "./terminal-io.ts";

type Ends = {
  readonly input: OpenFifo | undefined;
  readonly output: OpenFifo | undefined;
  readonly stdin: Socket | undefined;
  readonly stdout: Socket | undefined;
};

/** A terminal of a command's own, and a client's FIFOs, between which the daemon copies. */
export class FifoTerminal implements ExecIo {
  readonly resize: (size: TerminalSize) => void;
  readonly #terminal: TerminalIo;
  readonly #ends: Ends;

  private constructor(pollThread: PollThread, ends: Ends) {
    const terminal = new TerminalIo(pollThread, { stdin: ends.stdin, stdout: ends.stdout, resize: noSizes });
    this.resize = terminal.resize;
    this.#terminal = terminal;
    this.#ends = ends;
  }

  /** Throws RuntimeError InvalidArgument. */
  static async open(pollThread: PollThread, fifos: Omit<Fifos, "stderr">): Promise<FifoTerminal> {
    await using opened = new AsyncDisposableStack();
    const open = async (path: string | undefined) =>
      path === undefined ? undefined : opened.use(await openFifo(path, fifos.lookUp));
    const [input, output] = [await open(fifos.stdin), await open(fifos.stdout)];
    const stdin = input && socketOf(input.reader, constants.O_RDONLY);
    const stdout = output && socketOf(output.writer, constants.O_WRONLY);
    // What is held is the other end: a client may leave, and another come.
    await Promise.all([input?.reader.close(), output?.writer.close()]);
    opened.move();
    return new FifoTerminal(pollThread, { input, output, stdin, stdout });
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
    const { stdout, output } = this.#ends;
    // From now on a client that has left is known as that.
    await output?.reader.close();
    if (stdout === undefined || stdout.destroyed) return;
    stdout.end();
    await once(stdout, "close", { signal }).catch(() => stdout.destroy());
  }

  closeStdin(): void {
    this.#terminal.closeStdin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#terminal[Symbol.asyncDispose]();
    const { input, output, stdin, stdout } = this.#ends;
    for (const socket of [stdin, stdout]) socket?.destroy();
    for (const fifo of [input, output]) await fifo?.[Symbol.asyncDispose]();
  }
}

/** A stream of its own on one end of a FIFO that is open. */
function socketOf({ fd }: FileHandle, access: number): Socket {
  const own = openSync(`/proc/self/fd/${fd}`, access | constants.O_NONBLOCK);
  const writable = access === constants.O_WRONLY;
  const socket = new Socket({ fd: own, readable: !writable, writable });
  // A client that has left; its close follows.
  socket.on("error", () => undefined);
  return socket;
}
