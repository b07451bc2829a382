import type { HttpResponse } from "../http-response.ts";
import { broken, Connection, type ConnectOptions } from "./connection.ts";
import { readBody } from "./response-body.ts";
import { parseResponseHead, type ResponseHead } from "./response-head.ts";

const maxHeadBytes = 64 * 1024;
/** Less than servers keep a connection that nobody uses. */
const idleMs = 4_000;
/** Of an answer that nobody wants, so many bytes are read to keep the connection. */
const maxDumpedBytes = 64 * 1024;
const headEnd = "\r\n\r\n";

export type DirectRequest = {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly connect: ConnectOptions;
  /** Without a byte for so long a transfer is broken; time in which the reader is busy does not count. */
  readonly progressTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
};

/**
 * GET requests for what is large, over HTTP/1.1 of our own: from the socket into memory that is used again,
 * in pieces of up to 256 KiB that are good until the next is asked for. undici reads 64 KiB at a time into
 * memory of their own, copies them for its parser, and passes each on through a stream, which for blobs took
 * a seventh of a pull's processor time. What is not well-formed HTTP/1.1 is left to undici.
 */
export class DirectRequests implements Disposable {
  readonly #idle = new Map<string, Set<Connection>>();
  /** Origins that answer in another way than is understood here. */
  readonly #others = new Set<string>();
  #isClosed = false;

  /**
   * The answer; undefined where it is not understood and is to be asked for in another way. `kind` is of
   * connections that can stand in for each other. Throws RegistryError, the socket's own errors, and the
   * signal's reason.
   */
  async get(kind: string, request: DirectRequest): Promise<HttpResponse | undefined> {
    const { url, connect, signal } = request;
    const text = requestText(request);
    if (text === undefined || this.#others.has(url.origin)) return undefined;
    const key = `${kind} ${url.origin}`;
    for (let kept = this.#takeIdle(key); kept !== undefined; kept = this.#takeIdle(key)) {
      const head = await this.#ask(kept, text, request).catch(() => {
        signal?.throwIfAborted();
        return "ended" as const;
      });
      // The server may have ended it at the same time: one that nobody has used yet tells.
      if (head !== "ended") return this.#response(kept, head, key, request);
    }
    const made = await Connection.open(url, connect, signal);
    const head = await this.#ask(made, text, request);
    if (head === "ended") throw broken(url.host);
    return this.#response(made, head, key, request);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const connections of this.#idle.values())
      for (const connection of connections) connection[Symbol.dispose]();
    this.#idle.clear();
  }

  /** The head of the answer; undefined for one that is not understood. */
  async #ask(
    connection: Connection,
    text: string,
    { progressTimeoutMs, signal }: DirectRequest,
  ): Promise<ResponseHead | "ended" | undefined> {
    using undo = new DisposableStack();
    undo.use(connection);
    connection.send(text);
    let received = "";
    for (;;) {
      const bytes = await connection.next(progressTimeoutMs, "no answer within the progress timeout", signal);
      if (bytes === undefined) return "ended";
      received += bytes.toString("latin1");
      const end = received.indexOf(headEnd);
      if (end === -1 && received.length <= maxHeadBytes) continue;
      if (end === -1) return undefined;
      const head = parseResponseHead(received.slice(0, end));
      const rest = received.length - end - headEnd.length;
      connection.untake(rest);
      if (head !== undefined && head.status < 200) {
        received = "";
        continue;
      }
      if (head !== undefined) undo.move();
      return head;
    }
  }

  #response(
    connection: Connection,
    head: ResponseHead | undefined,
    key: string,
    { url, progressTimeoutMs, signal }: DirectRequest,
  ): HttpResponse | undefined {
    if (head === undefined) {
      this.#others.add(url.origin);
      return undefined;
    }
    const source = {
      host: url.host,
      next: () => connection.next(progressTimeoutMs, "no data within the progress timeout", signal),
      untake: (bytes: number) => connection.untake(bytes),
    };
    const { status, headers, framing, isLast } = head;
    const chunks = this.#read(connection, readBody(source, framing), isLast ? undefined : key);
    const destroy = () => connection[Symbol.dispose]();
    const isSmall = framing.kind === "length" && framing.bytes <= maxDumpedBytes;
    const body = {
      [Symbol.asyncIterator]: () => chunks,
      dump: async () => {
        if (!isSmall) destroy();
        else for await (const _ of chunks);
      },
      destroy,
    };
    return { status, headers, body, url };
  }

  /** When all has been read, the connection is for whoever asks next. */
  async *#read(
    connection: Connection,
    bytes: AsyncIterable<Uint8Array>,
    key: string | undefined,
  ): AsyncGenerator<Uint8Array, void, void> {
    using undo = new DisposableStack();
    undo.use(connection);
    yield* bytes;
    if (key === undefined) return;
    undo.move();
    this.#keep(key, connection);
  }

  #keep(key: string, connection: Connection): void {
    if (this.#isClosed) {
      connection[Symbol.dispose]();
      return;
    }
    const kept = this.#idle.get(key) ?? new Set();
    this.#idle.set(key, kept.add(connection));
    connection.keepAlive(false);
    setTimeout(() => {
      if (kept.delete(connection)) connection[Symbol.dispose]();
    }, idleMs).unref();
  }

  #takeIdle(key: string): Connection | undefined {
    const kept = this.#idle.get(key) ?? new Set<Connection>();
    for (const connection of kept) {
      kept.delete(connection);
      if (connection.isIdle) {
        connection.keepAlive(true);
        return connection;
      }
      connection[Symbol.dispose]();
    }
    return undefined;
  }
}

/** Undefined for headers that cannot be sent. */
function requestText({ url, headers }: DirectRequest): string | undefined {
  const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`];
  for (const [name, values] of Object.entries(headers))
    for (const value of [values].flat()) {
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
        return undefined;
      if (name.toLowerCase() !== "host") lines.push(`${name}: ${value}`);
    }
  return `${lines.join("\r\n")}${headEnd}`;
}
