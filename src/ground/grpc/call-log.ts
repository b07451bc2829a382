import { BerthError, messageOf } from "../errors/index.ts";
import type { Logger } from "../logging/index.ts";
import type { CallEnd, CallObserver, Method } from "./observer.ts";
import type { StatusCode } from "./status.ts";

/** A line for the start of each call, at level debug, and one for its end. */
export class CallLog implements CallObserver {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  started({ name }: Method): void {
    this.#logger.debug({ method: name }, "call");
  }

  answered({ name, quiet }: Method, { durationMs, clientGone }: CallEnd): void {
    const level = quiet ? "debug" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    // A client that gave up never saw the response, which often explains what it does next.
    const fields = { method: name, code: "OK", ...took(durationMs), ...(clientGone ? { clientGone } : {}) };
    this.#logger[level](fields, "answered");
  }

  failed({ name, quiet }: Method, { durationMs }: CallEnd, code: StatusCode, error: unknown): void {
    const fields = { method: name, code, ...took(durationMs) };
    if (!(error instanceof BerthError) || code === "INTERNAL" || code === "DATA_LOSS") {
      this.#logger.error({ ...fields, err: error }, "failed");
    } else {
      // A client that reads only a part of a stream cancels once it has it.
      const usual = code === "UNIMPLEMENTED" || (quiet && code === "CANCELLED");
      this.#logger[usual ? "debug" : "info"]({ ...fields, error: messageOf(error) }, "refused");
    }
  }
}

function took(durationMs: number): { readonly durationMs: number } {
  return { durationMs: Math.round(durationMs * 10) / 10 };
}
