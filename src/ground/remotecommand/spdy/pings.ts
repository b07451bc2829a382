import { raceAbort } from "../../sync/index.ts";
import { MAX_WINDOW } from "./flow-control.ts";

/** The PINGs of a session: ours, which wait for an answer, and the peer's, which get one. */
export class Pings {
  readonly #send: (id: number) => void;
  readonly #waiting = new Map<number, () => void>();
  /** A client's ids are odd, a server's even; that tells an answer from a question. */
  #nextId: number;

  constructor(firstId: number, send: (id: number) => void) {
    this.#nextId = firstId;
    this.#send = send;
  }

  /** Resolves when the peer has answered; rejects with the signal's reason. */
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

  /** A PING that nobody waits for the answer of. */
  probe(): void {
    this.#send(this.#nextId);
  }

  receive(id: number): void {
    const isOurs = id % 2 === this.#nextId % 2;
    if (isOurs) this.#waiting.get(id)?.();
    else this.#send(id);
  }
}
