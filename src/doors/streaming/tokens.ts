import { randomBytes } from "node:crypto";
import { StreamingError } from "./errors.ts";

/** How many requests may wait for their clients, and how long. */
export type TokenLimits = { readonly maxInFlight: number; readonly ttlMs: number };

/**
 * Requests that wait for their client, each under a token of 128 random bits that can be used once. The token
 * is all that a client shows, so it is the right to make that one request.
 */
export class Tokens<T> {
  readonly #limits: TokenLimits;
  /** In the order of their end, as all live equally long. */
  readonly #waiting = new Map<string, { readonly value: T; readonly expiresAt: number }>();

  constructor(limits: TokenLimits) {
    this.#limits = limits;
  }

  /** Throws StreamingError ResourceExhausted when too many requests wait already. */
  add(value: T): string {
    this.#dropExpired();
    const { maxInFlight, ttlMs } = this.#limits;
    if (this.#waiting.size >= maxInFlight) {
      throw new StreamingError(
        "ResourceExhausted",
        `create a streaming URL: ${maxInFlight} requests already wait for their clients; retry in ${ttlMs / 1000} s`,
      );
    }
    const token = randomBytes(16).toString("base64url");
    this.#waiting.set(token, { value, expiresAt: performance.now() + ttlMs });
    return token;
  }

  /** The request, the first time; undefined for a token that is unknown, used or expired. */
  take(token: string): T | undefined {
    this.#dropExpired();
    const entry = this.#waiting.get(token);
    this.#waiting.delete(token);
    return entry?.value;
  }

  #dropExpired(): void {
    const now = performance.now();
    for (const [token, { expiresAt }] of this.#waiting) {
      if (expiresAt > now) return;
      this.#waiting.delete(token);
    }
  }
}
