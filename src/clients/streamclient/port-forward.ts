import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PORT_FORWARD_PROTOCOL, SpdySession, streamHeader } from "../../ground/remotecommand/index.ts";
import { StreamClientError } from "./errors.ts";
import { type ClientTls, upgradeToSpdy } from "./http-upgrade.ts";
import { readUntilClosed } from "./remote-command.ts";

export type PortForwardOptions = {
  /** Asks the runtime for a URL. */
  readonly url: () => Promise<URL>;
  readonly tls?: ClientTls;
  /** Ends the connection at any time. */
  readonly signal?: AbortSignal;
};

/**
 * Connects to a sandbox's ports, over SPDY, which every runtime has. Throws StreamClientError and what `url`
 * throws.
 */
export async function connectPortForward(options: PortForwardOptions): Promise<PortForwardClient> {
  const { tls, signal } = options;
  const { socket } = await upgradeToSpdy(await options.url(), [PORT_FORWARD_PROTOCOL], { tls, signal });
  const session = new SpdySession(socket, { role: "client", maxStreams: MAX_STREAMS });
  const abort = () => session.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  void session.closed.then(() => signal?.removeEventListener("abort", abort));
  return new PortForwardClient(session);
}

const MAX_STREAMS = 2_000;

/** Any number of connections to one sandbox's ports, over one connection to its runtime. */
export class PortForwardClient implements AsyncDisposable {
  /** Resolves when the connection to the runtime is over; never rejects. */
  readonly closed: Promise<void>;
  readonly #session: SpdySession;
  #nextRequestId = 0;

  /** Made by {@link connectPortForward}. */
  constructor(session: SpdySession) {
    this.#session = session;
    this.closed = session.closed;
  }

  /**
   * Connects `local`, which must allow half-open, to a port of the sandbox and copies both ways until both
   * directions have ended. Rejects with StreamClientError Unavailable and the runtime's message when it could
   * not connect.
   */
  async forward(local: Duplex, port: number): Promise<void> {
    const requestId = String(this.#nextRequestId++);
    const open = (type: string) => {
      const headers = [
        [streamHeader.type, type],
        [streamHeader.port, String(port)],
        [streamHeader.requestId, requestId],
      ] as const;
      return this.#session.openStream(new Map(headers));
    };
    const [error, data] = await Promise.all([open("error"), open("data")]);
    error.end();
    const message = readUntilClosed(error);
    // A side that breaks takes the other with it; there is nobody to tell but the two.
    await Promise.allSettled([pipeline(local, data), pipeline(data, local)]);
    // The runtime ends the error stream when it is done with the connection, and not before it knows that we
    // are.
    data.destroy();
    const text = await message;
    if (text !== "") throw new StreamClientError("Unavailable", text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session.destroy();
    await this.closed;
  }
}
