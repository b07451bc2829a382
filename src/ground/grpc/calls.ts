import { randomBytes } from "node:crypto";
import { runWithRequestId } from "../logging/index.ts";
import { GrpcError } from "./errors.ts";
import type { Serve } from "./kinds.ts";
import type { CallObserver, Method } from "./observer.ts";
import type { ServerCall } from "./server-call.ts";
import { statusOf } from "./status.ts";

/** A method as it is served. */
export type ServedMethod = { readonly method: Method; readonly serve: Serve };

/**
 * Runs handlers for gRPC calls: gives each call a request id, tells observers of its start and end, and turns
 * what is thrown into a status. Tracks the calls in flight of all services, so that the server can end them
 * and wait for them.
 */
export class Calls {
  readonly #observers: readonly CallObserver[];
  readonly #ids = new RequestIds();
  readonly #inFlight = new Map<ServerCall, Method>();
  /** Called when no handler is running. */
  #onSettled: (() => void) | undefined;

  constructor(observers: readonly CallObserver[]) {
    this.#observers = observers;
  }

  /** Ends endless calls, or every call in flight, with UNAVAILABLE. */
  end(which: "endless" | "all"): void {
    const reason = new GrpcError("Unavailable", "the runtime is shutting down");
    for (const [call, { endless }] of this.#inFlight) {
      if (which === "all" || endless) call.abort(reason);
    }
  }

  /** Resolves when no handler is running. */
  async settled(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = resolve;
    await promise;
  }

  run(served: ServedMethod, call: ServerCall): void {
    const requestId = this.#ids.next();
    this.#inFlight.set(call, served.method);
    void runWithRequestId(requestId, () => this.#serve(served, call, requestId));
  }

  async #serve({ method, serve }: ServedMethod, call: ServerCall, requestId: string): Promise<void> {
    const startedAt = performance.now();
    const ended = () => ({ durationMs: performance.now() - startedAt, clientGone: call.isClosed });
    for (const observer of this.#observers) observer.started?.(method);
    const { signal, metadata } = call;
    try {
      await serve(call, { signal, metadata, requestId });
      for (const observer of this.#observers) observer.answered?.(method, ended());
    } catch (thrown) {
      const error = signal.aborted && isAbortError(thrown) ? signal.reason : thrown;
      const status = statusOf(error);
      for (const observer of this.#observers) observer.failed?.(method, ended(), status.code, error);
      call.end(status);
    } finally {
      this.#inFlight.delete(call);
      if (this.#inFlight.size === 0) this.#onSettled?.();
    }
  }
}

/**
 * Ids of requests, 16 hex digits: the first half is random for each run of the server, the second counts.
 * Only for logs, not for security.
 */
class RequestIds {
  readonly #run = randomBytes(4).toString("hex");
  #count = 0;

  next(): string {
    this.#count = (this.#count + 1) % 2 ** 32;
    return this.#run + this.#count.toString(16).padStart(8, "0");
  }
}

/** What Node's own functions throw when their signal aborts. */
function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
