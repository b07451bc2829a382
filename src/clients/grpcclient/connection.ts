import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { GrpcCallError } from "./errors.ts";

/** A unix socket's path, or a TCP port. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** Room for answers on their way, so that a large one does not wait for each of its parts to be taken. */
const windowBytes = 1024 * 1024;

/** Node counts what its own buffers hold of all streams; calls are limited by the size of a message. */
const maxSessionMegabytes = 1024;

/** The HTTP/2 connection to one address, made when it is needed and again when it was lost. */
export class Connection implements Disposable {
  readonly #address: Address;
  #session: ClientHttp2Session | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  /** One that takes calls, as far as is known: what it cannot do it tells the calls. */
  session(): ClientHttp2Session {
    const current = this.#session;
    if (current !== undefined && !current.closed && !current.destroyed) return current;
    const session = connect("http://localhost", {
      createConnection: () => connectSocket(this.#address),
      settings: { enablePush: false, initialWindowSize: windowBytes },
      maxSessionMemory: maxSessionMegabytes,
    });
    session.once("connect", () => {
      if (!session.destroyed) session.setLocalWindowSize(windowBytes);
    });
    // Calls in flight, and who waits until it is ready, are told of it themselves.
    session.on("error", () => {});
    this.#session = session;
    return session;
  }

  /**
   * Resolves when the other side has spoken HTTP/2. Throws GrpcCallError Unavailable, whose cause is the
   * socket's error if there was one, or the signal's reason.
   */
  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const session = this.session();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onError = (cause: unknown) => reject(unavailable(cause));
    const onClose = () => reject(unavailable(undefined));
    const onAbort = () => reject(signal.reason);
    session.once("remoteSettings", resolve).once("error", onError).once("close", onClose);
    signal.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      session.off("remoteSettings", resolve).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
    }
  }

  [Symbol.dispose](): void {
    this.#session?.destroy();
  }
}

/** What a call that was on a connection which is lost, or never came to be, ends with. */
export function unavailable(error: unknown): GrpcCallError {
  // Of a call that waited for the connection, what kept that from being made is the cause.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new GrpcCallError("Unavailable", `no connection to the server${why}`, { cause });
}
