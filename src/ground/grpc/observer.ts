import type { status } from "@grpc/grpc-js";

/** One method of a service. */
export type Method = {
  /** In full: `runtime.v1.RuntimeService`. */
  readonly service: string;
  readonly name: string;
  readonly quiet: boolean;
  readonly endless: boolean;
};

export type CallEnd = {
  readonly durationMs: number;
  /** The client gave up before it had the answer. */
  readonly clientGone: boolean;
};

/**
 * Is told of every call of every door as it starts and ends, within the call's request id: for logs and
 * metrics. Must not throw.
 */
export type CallObserver = {
  started?(method: Method): void;
  answered?(method: Method, end: CallEnd): void;
  failed?(method: Method, end: CallEnd, code: status, error: unknown): void;
};
