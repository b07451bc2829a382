import type { containerd } from "../../ground/protocol/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import { ContainerdError } from "./errors.ts";

type Any = containerd.types.Any;

/**
 * The open streams of clients (service Streaming), by namespace and id. Another call of the same client, such
 * as a transfer, uses them.
 */
export class Streams {
  readonly #open = new Map<string, ClientStream>();

  /** Registers a stream until the result is disposed. Throws AlreadyExists. */
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

  /** Finds a stream. Throws NotFound. */
  get(namespace: string, id: string): ClientStream {
    const stream = this.#open.get(`${namespace} ${id}`);
    if (stream !== undefined) return stream;
    throw new ContainerdError("NotFound", `stream ${JSON.stringify(id)} in namespace ${namespace} not found`);
  }
}

type Outgoing = { readonly message: Any; readonly taken: () => void };

/**
 * One stream of messages in both directions, until its client disconnects or the call that uses it closes it.
 */
export class ClientStream implements Disposable {
  readonly #incoming: AsyncIterator<Any>;
  readonly #signal: AbortSignal;
  readonly #outgoing: Outgoing[] = [];
  #changed = Promise.withResolvers<void>();
  #closed = false;

  /** `signal` aborts when the client has disconnected. */
  constructor(incoming: AsyncIterator<Any>, signal: AbortSignal) {
    this.#incoming = incoming;
    this.#signal = signal;
  }

  /**
   * The client's next message; undefined once the client has ended its side. Throws the reason of `signal` or
   * of the client's disconnection.
   */
  async receive(signal: AbortSignal): Promise<Any | undefined> {
    const next = await raceAbort(this.#incoming.next(), signal);
    return next.done === true ? undefined : next.value;
  }

  /** Resolves when the message has been sent, or the client has disconnected. Throws the signal's reason. */
  async send(message: Any, signal?: AbortSignal): Promise<void> {
    if (this.#closed || this.#signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#outgoing.push({ message, taken: resolve });
    this.#wake();
    await raceAbort(promise, signal);
  }

  /** The messages to send until the stream is closed, for the call of the service Streaming. */
  async *messages(): AsyncGenerator<Any> {
    try {
      while (true) {
        const changed = this.#changed.promise;
        for (let next = this.#outgoing.shift(); next !== undefined; next = this.#outgoing.shift()) {
          try {
            yield next.message;
          } finally {
            // Reached also if the client disconnects before there is room for the message.
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

  /** Ends the client's call once everything has been sent. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
