import { connect } from "node:net";
import { raceAbort } from "../../ground/sync/index.ts";
import { GrpcCallError } from "./errors.ts";
import { Http2Session } from "./http2/session.ts";

/** A unix socket's path, or a TCP port. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** The HTTP/2 connection to one address, opened on demand and again after it was lost. */
export class Connection implements Disposable {
  readonly #address: Address;
  #session: Http2Session | undefined;

  constructor(address: Address) {
    this.#address = address;
  }

  /** A session that is believed to accept calls: otherwise the calls fail. */
  session(): Http2Session {
    if (this.#session?.takesCalls !== true) this.#session = new Http2Session(connect(this.#address));
    return this.#session;
  }

  /**
   * Resolves when the HTTP/2 connection is established. Throws GrpcCallError Unavailable, whose cause is the
   * socket's error if there was one, or the signal's reason.
   */
  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { ready } = this.session();
    try {
      await raceAbort(ready, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw unavailable(error);
    }
  }

  [Symbol.dispose](): void {
    this.#session?.[Symbol.dispose]();
  }
}

/** The error of a call whose connection was lost or could not be opened. */
export function unavailable(cause: unknown): GrpcCallError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new GrpcCallError("Unavailable", `no connection to the server${why}`, { cause });
}
