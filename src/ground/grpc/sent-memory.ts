import type { MethodDefinition } from "@grpc/grpc-js";

type Serialize = MethodDefinition<unknown, unknown>["responseSerialize"];

/** Node may share smaller memory among several buffers. */
const ownMemoryBytes = 256 * 1024;

/**
 * Frees the memory into which grpc-js (1.14.7) has copied a message, once it is sent, instead of leaving it
 * to the garbage collector: with a stream of large messages, V8 collects its whole heap again and again,
 * which took more CPU time than sending them.
 */
export class SentMemory {
  readonly #targets = new WeakMap<object, Uint8Array>();

  /**
   * Wraps the function that encodes messages for grpc-js, to see where they are copied to. If another version
   * works differently, nothing is freed.
   */
  watch(serialize: Serialize): Serialize {
    return (message) => {
      const given = serialize(message);
      // A view of our own, since the buffer may belong to the message.
      const coded = Buffer.isBuffer(given)
        ? Buffer.from(given.buffer, given.byteOffset, given.byteLength)
        : given;
      const copy = coded.copy.bind(coded);
      coded.copy = (target: Uint8Array, ...positions: number[]) => {
        if (typeof message === "object" && message !== null) this.#targets.set(message, target);
        return copy(target, ...positions);
      };
      return coded;
    };
  }

  /**
   * Only for a message that grpc-js has reported as written: after a failure, the kernel may still be reading
   * it.
   */
  free(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const target = this.#targets.get(message);
    this.#targets.delete(message);
    // If the message is only a part of the memory, others use it, too.
    const isOwn = target !== undefined && target.byteLength === target.buffer.byteLength;
    if (isOwn && target.buffer instanceof ArrayBuffer && target.byteLength >= ownMemoryBytes)
      target.buffer.transfer(0);
  }
}
