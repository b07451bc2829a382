import type { StatusCode } from "./status.ts";

/** One method of a service. */
export type Method = {
  /** Full name: `runtime.v1.RuntimeService`. */
  readonly service: string;
  readonly name: string;
  readonly quiet: boolean;
  readonly endless: boolean;
};

export type CallEnd = {
  readonly durationMs: number;
  /** The client gave up before it got the response. */
  readonly clientGone: boolean;
};

/**
 * Called at the start and end of every call of every door, with the call's request id in effect: for logs and
 * metrics. Must not throw.
 */
export type CallObserver = {
  started?(method: Method): void;
  answered?(method: Method, end: CallEnd): void;
  failed?(method: Method, end: CallEnd, code: StatusCode, error: unknown): void;
};
