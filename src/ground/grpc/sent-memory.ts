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

  /** What gives grpc-js a coded message, of which it asks the length, and that it copies itself. */
  watch(serialize: Serialize): Serialize {
    return (message) => {
      const coded = serialize(message);
      const copy = (target: Uint8Array, at: number) => {
        if (typeof message === "object" && message !== null) this.#targets.set(message, target);
        return coded.copy(target, at);
      };
      return { byteLength: coded.byteLength, copy } as unknown as Buffer;
    };
  }

  /**
   * Only for a message of which grpc-js has said that it is written: of a stream that failed the kernel may
   * still be reading.
   */
  free(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const buffer = this.#targets.get(message)?.buffer;
    if (buffer instanceof ArrayBuffer && buffer.byteLength >= ownMemoryBytes) buffer.transfer(0);
  }
}
