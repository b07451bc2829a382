import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { RegistryError } from "../errors.ts";
import { ReceivedBytes } from "./received-bytes.ts";

/** How a host is reached. */
export type ConnectOptions = {
  /** Until the connection, or the one through TLS, stands. */
  readonly timeout: number;
} & Pick<ConnectionOptions, "rejectUnauthorized" | "secureContext">;

/** A connection to a web server, whose bytes are read in pieces as large as they come. */
export class Connection implements Disposable {
  readonly #host: string;
  readonly #socket: Socket;
  readonly #received: ReceivedBytes;
  #isEnded = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  /** Throws RegistryError, the socket's own errors, and the signal's reason. */
  static async open(
    url: URL,
    { timeout, ...tls }: ConnectOptions,
    signal: AbortSignal | undefined,
  ): Promise<Connection> {
    const received = new ReceivedBytes();
    let come = (): void => undefined;
    const onread = {
      buffer: () => received.room(),
      callback: (bytes: number) => {
        received.put(bytes);
        come();
        return !received.isEnough;
      },
    };
    const isPlain = url.protocol === "http:";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? (isPlain ? 80 : 443) : Number(url.port);
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = isPlain
      ? connectTcp({ host, port, onread })
      : connectTls({ host, port, ...name, ...tls, ALPNProtocols: ["http/1.1"], ...{ onread } });
    const made = new Connection(url.host, socket, received);
    come = () => made.#come();
    try {
      await made.#until(socket, isPlain ? "connect" : "secureConnect", timeout, signal);
    } catch (error) {
      made[Symbol.dispose]();
      throw error;
    }
    socket.setNoDelay(true);
    return made;
  }

  private constructor(host: string, socket: Socket, received: ReceivedBytes) {
    this.#host = host;
    this.#socket = socket;
    this.#received = received;
    socket.on("error", (error) => {
      this.#error = error;
      this.#come();
    });
    for (const event of ["end", "close"])
      socket.on(event, () => {
        this.#isEnded = true;
        this.#come();
      });
  }

  /** Neither side has ended it, and nothing has come that nobody asked for. */
  get isIdle(): boolean {
    return !this.#isEnded && this.#error === undefined && this.#received.isEmpty;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** An idle connection does not keep the thread alive. */
  keepAlive(on: boolean): void {
    if (on) this.#socket.ref();
    else this.#socket.unref();
  }

  /**
   * The next bytes, which are good until the next are asked for; undefined when the server has ended the
   * connection. Throws RegistryError when none come for so long, the socket's own errors, and the signal's
   * reason.
   */
  async next(timeoutMs: number, late: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      const taken = this.#received.take();
      if (!this.#received.isEnough) this.#socket.resume();
      if (taken !== undefined) return taken;
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) return undefined;
      await this.#wait(timeoutMs, late, signal);
    }
  }

  /** The last bytes of what was taken last are for whoever reads next. */
  untake(bytes: number): void {
    this.#received.untake(bytes);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Wakes who waits when all that is there has been read from the socket, not at its first piece. */
  #come(): void {
    const wake = this.#wake;
    if (wake === undefined) return;
    this.#wake = undefined;
    setImmediate(wake);
  }

  async #until(
    socket: Socket,
    event: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let isThere = false;
    socket.once(event, () => {
      isThere = true;
      this.#come();
    });
    while (!isThere) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#isEnded) throw broken(this.#host);
      await this.#wait(timeoutMs, "connecting timed out", signal);
    }
  }

  async #wait(timeoutMs: number, late: string, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(
      () => reject(new RegistryError("Unavailable", `${this.#host}: ${late}`, { transient: true })),
      timeoutMs,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#wake = undefined;
    }
  }
}

/** The other side ended a connection before it had said all. */
export function broken(host: string): RegistryError {
  return new RegistryError("Unavailable", `${host}: the connection broke`, { transient: true });
}
