import { randomBytes } from "node:crypto";

/**
 * Ids of requests, 16 hex digits: the first half tells this run of the server from others, the second counts.
 * They name lines of a log and guard nothing.
 */
export class RequestIds {
  readonly #run = randomBytes(4).toString("hex");
  #count = 0;

  next(): string {
    this.#count = (this.#count + 1) % 2 ** 32;
    return this.#run + this.#count.toString(16).padStart(8, "0");
  }
}
