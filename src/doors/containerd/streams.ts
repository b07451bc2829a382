import type { containerd } from "../../ground/protocol/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import { ContainerdError } from "./errors.ts";

type Any = containerd.types.Any;

/**
 * The streams that clients have open (service Streaming), by namespace and id: what another call of the same
 * client speaks through while it lasts, such as a transfer.
 */
export class Streams {
  readonly #open = new Map<string, ClientStream>();

  /** Until it is disposed of. Throws AlreadyExists. */
  register(namespace: string, id: string, stream: ClientStream): Disposable {
    const key = `${namespace} ${id}`;
    if (this.#open.has(key))
      throw new ContainerdError(
        "AlreadyExists",
        `stream ${JSON.stringify(id)} in namespace ${namespace} already exists`,
      );
    this.#open.set(key, stream);
    return { [Symbol.dispose]: () => void this.#open.delete(key) };
  }

  /** Throws NotFound. */
  get(namespace: string, id: string): ClientStream {
    const stream = this.#open.get(`${namespace} ${id}`);
    if (stream !== undefined) return stream;
    throw new ContainerdError("NotFound", `stream ${JSON.stringify(id)} in namespace ${namespace} not found`);
  }
}

type Outgoing = { readonly message: Any; readonly taken: () => void };

/** One stream: messages in both directions, until its client goes away or whoever uses it closes it. */
export class ClientStream implements Disposable {
  readonly #incoming: AsyncIterator<Any>;
  readonly #signal: AbortSignal;
  readonly #outgoing: Outgoing[] = [];
  #changed = Promise.withResolvers<void>();
  #closed = false;

  /** `signal` aborts when the client has gone. */
  constructor(incoming: AsyncIterator<Any>, signal: AbortSignal) {
    this.#incoming = incoming;
    this.#signal = signal;
  }

  /**
   * The client's next message; undefined when it has said that no more come. Throws the reason of a signal,
   * its own or that of its client.
   */
  async receive(signal: AbortSignal): Promise<Any | undefined> {
    const next = await raceAbort(this.#incoming.next(), signal);
    return next.done === true ? undefined : next.value;
  }

  /**
   * Resolves when the message is on its way, or nobody is there any more to take it. Throws the signal's
   * reason.
   */
  async send(message: Any, signal?: AbortSignal): Promise<void> {
    if (this.#closed || this.#signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#outgoing.push({ message, taken: resolve });
    this.#wake();
    await raceAbort(promise, signal);
  }

  /** What is to be sent, until it is closed: for the call that the stream is. */
  async *messages(): AsyncGenerator<Any> {
    try {
      while (true) {
        const changed = this.#changed.promise;
        for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
          try {
            yield next.message;
          } finally {
            // Also where its client leaves before there is room for it.
            next.taken();
          }
        }
        if (this.#closed) return;
        await raceAbort(changed, this.#signal);
      }
    } finally {
      this.#closed = true;
      for (const { taken } of this.#outgoing.splice(0)) taken();
    }
  }

  /** Ends the client's call when all has been sent. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
