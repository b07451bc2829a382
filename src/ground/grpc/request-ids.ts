import { randomBytes } from "node:crypto";

/**
 * Ids of requests, 16 hex digits: the first half is random for each run of the server, the second counts.
 * Only for logs, not for security.
 */
export class RequestIds {
  readonly #run = randomBytes(4).toString("hex");
  #count = 0;

  next(): string {
    this.#count = (this.#count + 1) % 2 ** 32;
    return this.#run + this.#count.toString(16).padStart(8, "0");
  }
}
