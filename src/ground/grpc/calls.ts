import type { Metadata, ServerUnaryCall } from "@grpc/grpc-js";
import { runWithRequestId } from "../logging/index.ts";
import { GrpcError } from "./errors.ts";
import type { CallContext } from "./handlers.ts";
import type { CallObserver, Method } from "./observer.ts";
import { RequestIds } from "./request-ids.ts";
import { statusOf } from "./status.ts";

/** One call, whatever its kind. */
export type Work = {
  readonly method: Method;
  readonly call: Pick<ServerUnaryCall<unknown, unknown>, "cancelled" | "getDeadline"> & {
    readonly metadata: Metadata;
    once(event: "cancelled", listener: () => void): unknown;
    off(event: "cancelled", listener: () => void): unknown;
  };
  /** Handles the request and responds. */
  readonly serve: (context: CallContext) => Promise<void>;
  /** Responds with an error. */
  readonly fail: (status: ReturnType<typeof statusOf>) => void;
};

/**
 * Runs handlers for gRPC calls: gives each call a request id and an AbortSignal, tells observers of its start
 * and end, and turns what is thrown into a status. Tracks the calls in flight of all services, so that the
 * server can end them and wait for them.
 */
export class Calls {
  readonly #observers: readonly CallObserver[];
  readonly #ids = new RequestIds();
  readonly #inFlight = new Map<AbortController, { readonly method: Method; readonly done: Promise<void> }>();

  constructor(observers: readonly CallObserver[]) {
    this.#observers = observers;
  }

  /** Ends endless calls, or every call in flight, with UNAVAILABLE. */
  end(which: "endless" | "all"): void {
    const reason = new GrpcError("Unavailable", "the runtime is shutting down");
    for (const [controller, { method }] of this.#inFlight) {
      if (which === "all" || method.endless) controller.abort(reason);
    }
  }

  /** Resolves when no handler is running. */
  async settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all([...this.#inFlight.values()].map(({ done }) => done));
  }

  run(work: Work): void {
    const controller = new AbortController();
    const cancel = () => controller.abort(cancellation(work));
    work.call.once("cancelled", cancel);
    const requestId = this.#ids.next();
    const context = { signal: controller.signal, metadata: work.call.metadata, requestId };
    const done = runWithRequestId(requestId, () => this.#serve(work, context));
    const forgotten = done.finally(() => {
      this.#inFlight.delete(controller);
      // Emitted at the end of every call, when nobody listens to the signal any more.
      work.call.off("cancelled", cancel);
    });
    this.#inFlight.set(controller, { method: work.method, done: forgotten });
  }

  async #serve({ method, call, serve, fail }: Work, context: CallContext): Promise<void> {
    const startedAt = performance.now();
    const ended = () => ({ durationMs: performance.now() - startedAt, clientGone: call.cancelled });
    for (const observer of this.#observers) observer.started?.(method);
    try {
      await serve(context);
      for (const observer of this.#observers) observer.answered?.(method, ended());
    } catch (thrown) {
      const { signal } = context;
      const error = signal.aborted && isAbortError(thrown) ? signal.reason : thrown;
      const status = statusOf(error);
      for (const observer of this.#observers) observer.failed?.(method, ended(), status.code, error);
      if (!call.cancelled) fail(status);
    }
  }
}

function cancellation({ call }: Work): GrpcError {
  if (Number(call.getDeadline()) <= Date.now())
    return new GrpcError("DeadlineExceeded", "the client's deadline expired");
  return new GrpcError("Canceled", "the client disconnected");
}

/** What Node's own functions throw when their signal aborts. */
function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
