import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  status as grpcStatus,
  type Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { BerthError, messageOf } from "../errors/index.ts";
import { type Logger, runWithRequestId } from "../logging/index.ts";
import { ownerMetadata } from "../protocol/index.ts";
import { CriError } from "./errors.ts";
import type { CallContext, StreamHandler, UnaryHandler } from "./handlers.ts";
import { statusOf } from "./status.ts";

type Unary = ServerUnaryCall<unknown, unknown>;
type Stream = ServerWritableStream<unknown, unknown>;

/** One call, whatever its kind. */
type Work = {
  readonly method: string;
  readonly call: Pick<Unary, "cancelled" | "getDeadline" | "metadata"> & {
    once(event: "cancelled", listener: () => void): unknown;
  };
  readonly streams: boolean;
  /** Handles the request and answers. */
  readonly serve: (context: CallContext) => Promise<void>;
  /** Answers with an error. */
  readonly fail: (status: ReturnType<typeof statusOf>) => void;
};

/** Asked for every few seconds by every kubelet; worth a line only when they fail. */
const pollingMethods = new Set([
  "Check",
  "ContainerStats",
  "ContainerStatus",
  "ExecSync",
  "ImageFsInfo",
  "ImageStatus",
  "ListContainerStats",
  "ListContainers",
  "ListImages",
  "ListMetricDescriptors",
  "ListPodSandbox",
  "ListPodSandboxMetrics",
  "ListPodSandboxStats",
  "ListSecurityProfiles",
  "PodSandboxStats",
  "PodSandboxStatus",
  "PullSecurityProfile",
  "RuntimeConfig",
  "Status",
  "StreamContainerStats",
  "StreamContainers",
  "StreamImages",
  "StreamPodSandboxMetrics",
  "StreamPodSandboxStats",
  "StreamPodSandboxes",
  "Version",
]);

/**
 * Runs handlers for gRPC calls: gives each call a request id and an AbortSignal, logs its start and end, and turns what
 * is thrown into a status. Knows which calls are under way, so that the server can end them and wait for them.
 */
export class Calls {
  readonly #logger: Logger;
  readonly #running = new Map<AbortController, { readonly streams: boolean; readonly done: Promise<void> }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What grpc-js calls for a method that answers with one message. */
  unary(method: string, handler: UnaryHandler<unknown, unknown>) {
    return (call: Unary, callback: sendUnaryData<unknown>): void => {
      const serve = async (context: CallContext) => {
        const response = await handler(call.request, context);
        if (!call.cancelled) callback(null, response);
      };
      this.#run({ method, call, streams: false, serve, fail: (status) => callback(status) });
    };
  }

  /** What grpc-js calls for a method that answers with a stream of messages. */
  stream(method: string, handler: StreamHandler<unknown, unknown>) {
    return (call: Stream): void => {
      const serve = async (context: CallContext) => {
        for await (const message of handler(call.request, context)) {
          context.signal.throwIfAborted();
          if (!call.write(message)) await once(call, "drain", { signal: context.signal });
        }
        context.signal.throwIfAborted();
        call.end();
      };
      this.#run({ method, call, streams: true, serve, fail: (status) => call.emit("error", status) });
    };
  }

  /** Ends streams, which have no end of their own, or every call under way, with UNAVAILABLE. */
  end(which: "streams" | "all"): void {
    const reason = new CriError("Unavailable", "the runtime is stopping");
    for (const [controller, { streams }] of this.#running) {
      if (which === "all" || streams) controller.abort(reason);
    }
  }

  /** Resolves when no handler runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #run(work: Work): void {
    const controller = new AbortController();
    // Also emitted after an answer has been sent, when nobody listens to the signal any more.
    work.call.once("cancelled", () => controller.abort(cancellation(work)));
    const requestId = randomBytes(8).toString("hex");
    const done = runWithRequestId(requestId, () => this.#serve(work, controller.signal));
    const forgotten = done.finally(() => this.#running.delete(controller));
    this.#running.set(controller, { streams: work.streams, done: forgotten });
  }

  async #serve({ method, call, serve, fail }: Work, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    this.#logger.debug({ method }, "call");
    try {
      await serve({ signal, owner: ownerIn(call.metadata) });
      this.#logSuccess(method, startedAt, call.cancelled);
    } catch (thrown) {
      const error = signal.aborted && isAbortError(thrown) ? signal.reason : thrown;
      const status = statusOf(error);
      this.#logFailure(method, startedAt, status.code, error);
      if (!call.cancelled) fail(status);
    }
  }

  #logSuccess(method: string, startedAt: number, clientGone: boolean): void {
    // A client that gave up meanwhile never saw the answer: often the key to what it does next.
    const fields = { method, code: "OK", ...took(startedAt), ...(clientGone ? { clientGone } : {}) };
    this.#logger[pollingMethods.has(method) ? "debug" : "info"](fields, "answered");
  }

  #logFailure(method: string, startedAt: number, code: grpcStatus, error: unknown): void {
    const fields = { method, code: grpcStatus[code], ...took(startedAt) };
    if (!(error instanceof BerthError) || code === grpcStatus.INTERNAL || code === grpcStatus.DATA_LOSS) {
      this.#logger.error({ ...fields, err: error }, "failed");
    } else {
      this.#logger[code === grpcStatus.UNIMPLEMENTED ? "debug" : "info"](
        { ...fields, error: messageOf(error) },
        "refused",
      );
    }
  }
}

/** The last value, as HTTP has it; a label must be able to hold it. */
function ownerIn(metadata: Metadata): string {
  const owner = String(metadata.get(ownerMetadata).at(-1) ?? "");
  if (/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/.test(owner)) return owner;
  throw new CriError(
    "InvalidArgument",
    `metadata ${ownerMetadata}: ${JSON.stringify(owner)} is no name: up to 63 lower-case letters, digits and "-"`,
  );
}

function cancellation({ call }: Work): CriError {
  if (Number(call.getDeadline()) <= Date.now())
    return new CriError("DeadlineExceeded", "the client's deadline passed");
  return new CriError("Canceled", "the client went away");
}

/** What Node's own functions throw when their signal aborts. */
function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function took(startedAt: number): { readonly durationMs: number } {
  return { durationMs: Math.round((performance.now() - startedAt) * 10) / 10 };
}
