import type { Socket } from "node:net";
import { join } from "node:path";
import { type PollThread, readPackets } from "../../../ground/linux/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { copyInput } from "../streams/copy-input.ts";
import type { TaskIo } from "../tasks.ts";
import { AttachedClient, type ClientLimits } from "./attached-client.ts";

export type MonitorConsoleOptions = {
  readonly containerId: string;
  readonly bundleDir: string;
  readonly pollThread: PollThread;
  /** The process has a stdin to write to. */
  readonly stdin: boolean;
  /** It is closed when the first client that used it disconnects. */
  readonly stdinOnce: boolean;
} & ClientLimits;

/** The first byte of conmon's packets. */
const stdoutMark = 2;

/**
 * One connection to a conmon for all clients attached to its container, opened for the first of them. Output
 * is read as long as no client is too far behind.
 *
 * conmon 2.1 writes to all attached clients before it reads more output, so a client that does not read stops
 * the container and its log; it closes the container's stdin when the first client disconnects, even if that
 * never used it; and it notices that clients have disconnected only at the next output. So there is a single
 * connection, which stays after the last client: until the next output; or, if closing it would close a stdin
 * that nobody has used yet, until a client has used it or the process ends.
 */
export class MonitorConsole implements Disposable {
  readonly #options: MonitorConsoleOptions;
  readonly #clients = new Set<AttachedClient>();
  #connection: Socket | undefined;
  #stdinIsClosed = false;

  constructor(options: MonitorConsoleOptions) {
    this.#options = options;
  }

  /** Connects a client until the process's end. See Task.attach. */
  async attach(io: TaskIo, signal: AbortSignal): Promise<void> {
    const connection = this.#connect();
    const client = new AttachedClient(io, this.#options);
    this.#clients.add(client);
    const abort = () => {
      client.leave(
        new RuntimeError("Canceled", `attach to container ${this.#options.containerId}: canceled`),
      );
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    using _input = this.#copyStdin(io, connection);
    try {
      await client.done;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#clients.delete(client);
    }
  }

  /** Detaches all clients. */
  [Symbol.dispose](): void {
    this.#connection?.destroy();
  }

  #connect(): Socket {
    if (this.#connection !== undefined) return this.#connection;
    const { pollThread, bundleDir, containerId } = this.#options;
    try {
      const connection = pollThread.connectPackets(join(bundleDir, "attach"));
      this.#connection = connection;
      // Several clients may write to it.
      connection.setMaxListeners(0);
      connection.on("error", () => undefined);
      void this.#distribute(connection);
      return connection;
    } catch (cause) {
      throw new RuntimeError("Unavailable", `attach to container ${containerId}: conmon does not listen`, {
        cause,
      });
    }
  }

  /** Ends when the returned object is disposed or the client disconnects. */
  #copyStdin({ stdin }: TaskIo, connection: Socket): Disposable | undefined {
    if (stdin === undefined) return undefined;
    if (!this.#options.stdin || this.#stdinIsClosed) {
      stdin.resume();
      return undefined;
    }
    const end = () => this.#onStdinEnd();
    const copy = copyInput(stdin, connection, end);
    return {
      [Symbol.dispose]: () => {
        copy[Symbol.dispose]();
        end();
      },
    };
  }

  #onStdinEnd(): void {
    if (!this.#options.stdinOnce || this.#stdinIsClosed) return;
    this.#stdinIsClosed = true;
    this.#connection?.end();
  }

  async #distribute(connection: Socket): Promise<void> {
    try {
      for await (const packet of readPackets(connection)) {
        const stream = packet[0] === stdoutMark ? "stdout" : "stderr";
        const data = packet.subarray(1);
        await Promise.all([...this.#clients].map((client) => client.give(stream, data)));
        if (this.#clients.size === 0 && !this.#mustStay()) break;
      }
    } catch {
      // Destroyed by this side; it ends nevertheless.
    }
    if (this.#connection === connection) this.#connection = undefined;
    connection.destroy();
    for (const client of this.#clients) client.leave(undefined);
  }

  #mustStay(): boolean {
    return this.#options.stdin && this.#options.stdinOnce && !this.#stdinIsClosed;
  }
}
