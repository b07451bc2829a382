import { once } from "node:events";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import type { LookUp } from "../../../ground/hostpaths/index.ts";
import type { ProcessIdentity } from "../conmon/task-record.ts";
import type { ClientOutput, ClientStreams } from "../tasks.ts";
import { openFifo } from "./fifo.ts";
import { endLogger, startLogger } from "./logging-program.ts";
import { appendingTo, openForAppending } from "./output-file.ts";

/** The destination of a terminal's output. */
type Sink = AsyncDisposable & {
  readonly stream: Writable;
  /** From now on, writing fails if the client has disconnected. */
  readonly noMore?: () => Promise<void>;
  /** The client's logging program that reads it, if there is one. */
  readonly logger?: ProcessIdentity;
};
type Source = AsyncDisposable & { readonly stream: Socket };

/** A client's streams as streams of the daemon, which copies between them and a terminal. */
export class ClientSockets implements AsyncDisposable {
  readonly #source: Source | undefined;
  readonly #sink: Sink | undefined;

  private constructor(source: Source | undefined, sink: Sink | undefined) {
    this.#source = source;
    this.#sink = sink;
  }

  /** Throws RuntimeError InvalidArgument, DeadlineExceeded, and what `lookUp` throws. */
  static async open({ stdin, output, lookUp }: ClientStreams): Promise<ClientSockets> {
    await using opened = new AsyncDisposableStack();
    const source = stdin === undefined ? undefined : opened.use(await sourceOf(stdin, lookUp));
    const sink = await sinkOf(output, lookUp);
    opened.move();
    return new ClientSockets(source, sink);
  }

  get stdin(): Socket | undefined {
    return this.#source?.stream;
  }

  get stdout(): Writable | undefined {
    return this.#sink?.stream;
  }

  /**
   * To be called after the last output. Resolves when the client has read everything, if there is no client,
   * or when `signal` aborts.
   */
  async finish(signal: AbortSignal): Promise<void> {
    await this.#sink?.noMore?.();
    const { stdout } = this;
    if (stdout === undefined || stdout.destroyed) return;
    stdout.end();
    await once(stdout, "close", { signal }).catch(() => stdout.destroy());
  }

  /** Closes the streams at once; the client keeps its own. */
  async leave(): Promise<void> {
    await this.#source?.[Symbol.asyncDispose]();
    await this.#sink?.[Symbol.asyncDispose]();
  }

  /** Resolves when the client's program has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave();
    if (this.#sink?.logger !== undefined) await endLogger(this.#sink.logger);
  }
}

async function sourceOf(path: string, lookUp: LookUp): Promise<Source> {
  const fifo = await openFifo(path, lookUp);
  const stream = socketOf(fifo.reader.fd, constants.O_RDONLY);
  // The other end is kept open, so that one client may disconnect and another connect.
  await fifo.reader.close();
  return { stream, ...closing(stream, fifo) };
}

async function sinkOf(output: ClientOutput, lookUp: LookUp): Promise<Sink | undefined> {
  switch (output.kind) {
    case "fifos":
      return output.stdout === undefined ? undefined : fifoSink(output.stdout, lookUp);
    case "file": {
      const stream = appendingTo(await openForAppending(output.path, lookUp));
      return { stream, ...closing(stream) };
    }
    case "program": {
      using logger = await startLogger(output.program, lookUp);
      const stream = socketOf(logger.stdoutFd, constants.O_WRONLY);
      return { stream, logger: logger.identity, ...closing(stream) };
    }
  }
}

async function fifoSink(path: string, lookUp: LookUp): Promise<Sink> {
  const fifo = await openFifo(path, lookUp);
  const stream = socketOf(fifo.writer.fd, constants.O_WRONLY);
  await fifo.writer.close();
  return { stream, noMore: () => fifo.reader.close(), ...closing(stream, fifo) };
}

function closing(stream: Socket | Writable, other?: AsyncDisposable): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      stream.destroy();
      await other?.[Symbol.asyncDispose]();
    },
  };
}

/** A separate stream for one end of an open pipe. */
function socketOf(fd: number, access: number): Socket {
  const own = openSync(`/proc/self/fd/${fd}`, access | constants.O_NONBLOCK);
  const writable = access === constants.O_WRONLY;
  const socket = new Socket({ fd: own, readable: !writable, writable });
  // The client has disconnected; the close event follows.
  socket.on("error", () => undefined);
  return socket;
}
