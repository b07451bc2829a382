import type { MethodDefinition } from "@grpc/grpc-js";

type Serialize = MethodDefinition<unknown, unknown>["responseSerialize"];

/** Smaller memory Node shares among several buffers. */
const ownMemoryBytes = 256 * 1024;

/**
 * Frees the memory into which grpc-js (1.14.7) has copied a message, once that is sent, in place of the
 * garbage collector: V8 looks through its whole heap again and again for memory that a stream of large
 * messages leaves behind, which took more of the processor's time than sending them.
 */
export class SentMemory {
  readonly #targets = new WeakMap<object, Uint8Array>();

  /**
   * What gives grpc-js a coded message, which sees where that is copied to. Another version may do anything
   * else with it: then nothing is freed.
   */
  watch(serialize: Serialize): Serialize {
    return (message) => {
      const given = serialize(message);
      // An own view of a buffer, which may be the message's; what is coded in parts is made for this message.
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
   * Only for a message of which grpc-js has said that it is written: of a stream that failed the kernel may
   * still be reading.
   */
  free(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const target = this.#targets.get(message);
    this.#targets.delete(message);
    // Memory of which this message is but a part has others in it.
    const isOwn = target !== undefined && target.byteLength === target.buffer.byteLength;
    if (isOwn && target.buffer instanceof ArrayBuffer && target.byteLength >= ownMemoryBytes)
      target.buffer.transfer(0);
  }
}
