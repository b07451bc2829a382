import { raceAbort } from "../../sync/index.ts";
import { MAX_WINDOW } from "./flow-control.ts";

/** The PINGs of a session: waits for the answers to its own, and answers the peer's. */
export class Pings {
  readonly #send: (id: number) => void;
  readonly #waiting = new Map<number, () => void>();
  /** Odd for a client and even for a server, which distinguishes answers from the peer's own PINGs. */
  #nextId: number;

  constructor(firstId: number, send: (id: number) => void) {
    this.#nextId = firstId;
    this.#send = send;
  }

  /** Resolves when the peer has answered. Rejects with the signal's reason. */
  async ping(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const id = this.#nextId;
    this.#nextId = id + 2 > MAX_WINDOW ? (id % 2) + 2 : id + 2;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    this.#send(id);
    try {
      await raceAbort(promise, signal);
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Sends a PING whose answer is ignored. */
  probe(): void {
    this.#send(this.#nextId);
  }

  receive(id: number): void {
    const isOurs = id % 2 === this.#nextId % 2;
    if (isOurs) this.#waiting.get(id)?.();
    else this.#send(id);
  }
}
