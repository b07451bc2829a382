import { once } from "node:events";
import { constants, openSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import type { Fifos } from "../tasks.ts";
import { type OpenFifo, openFifo } from "./fifo.ts";

/** A client's FIFOs as streams of the daemon's own, which copies between them and a terminal. */
export class FifoStreams implements AsyncDisposable {
  readonly stdin: Socket | undefined;
  readonly stdout: Socket | undefined;
  readonly #input: OpenFifo | undefined;
  readonly #output: OpenFifo | undefined;

  private constructor(input: OpenFifo | undefined, output: OpenFifo | undefined) {
    this.stdin = input && socketOf(input.reader, constants.O_RDONLY);
    this.stdout = output && socketOf(output.writer, constants.O_WRONLY);
    this.#input = input;
    this.#output = output;
  }

  /** Throws RuntimeError InvalidArgument, and what `lookUp` throws. */
  static async open({ stdin, stdout, lookUp }: Omit<Fifos, "stderr">): Promise<FifoStreams> {
    await using opened = new AsyncDisposableStack();
    const open = async (path: string | undefined) =>
      path === undefined ? undefined : opened.use(await openFifo(path, lookUp));
    const [input, output] = [await open(stdin), await open(stdout)];
    const streams = new FifoStreams(input, output);
    // What is held is the other end: a client may leave, and another come.
    await Promise.all([input?.reader.close(), output?.writer.close()]);
    opened.move();
    return streams;
  }

  /**
   * No more output comes: resolves when a client has taken what there is and reads the end, or none is there,
   * or `signal` aborts.
   */
  async finish(signal: AbortSignal): Promise<void> {
    // From now on a client that has left is known as that.
    await this.#output?.reader.close();
    const { stdout } = this;
    if (stdout === undefined || stdout.destroyed) return;
    stdout.end();
    await once(stdout, "close", { signal }).catch(() => stdout.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [this.stdin, this.stdout]) socket?.destroy();
    for (const fifo of [this.#input, this.#output]) await fifo?.[Symbol.asyncDispose]();
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
