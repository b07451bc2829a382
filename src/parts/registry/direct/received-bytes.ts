const blockBytes = 256 * 1024;
/** No block is read into whose rest is smaller. */
const minRoomBytes = 16 * 1024;
/** So much may wait for who takes it. */
const enoughBytes = 2 * blockBytes;

type Block = { readonly bytes: Buffer; filled: number; taken: number };

/**
 * What has come from a socket and has not been taken yet, in blocks that the kernel writes to and that are
 * used again: nothing is allocated or copied for what is received.
 */
export class ReceivedBytes {
  readonly #blocks: Block[] = [];
  readonly #free: Buffer[] = [];
  #unread = 0;

  /** Where the next bytes are to be put. */
  room(): Uint8Array {
    let last = this.#blocks.at(-1);
    if (last === undefined || last.bytes.length - last.filled < minRoomBytes) {
      last = { bytes: this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes), filled: 0, taken: 0 };
      this.#blocks.push(last);
    }
    return last.bytes.subarray(last.filled);
  }

  /** So many bytes have been put where {@link room} said. */
  put(bytes: number): void {
    const last = this.#blocks.at(-1);
    if (last !== undefined) last.filled += bytes;
    this.#unread += bytes;
  }

  /** No more should be received until some of it is taken. */
  get isEnough(): boolean {
    return this.#unread >= enoughBytes;
  }

  get isEmpty(): boolean {
    return this.#unread === 0;
  }

  /** The bytes that came first, which are good until the next are asked for; undefined if there are none. */
  take(): Buffer | undefined {
    while (this.#blocks.length > 1 && this.#blocks[0]?.taken === this.#blocks[0]?.filled) {
      const emptied = this.#blocks.shift();
      if (emptied !== undefined) this.#free.push(emptied.bytes);
    }
    const [first] = this.#blocks;
    if (first === undefined || first.taken === first.filled) return undefined;
    const taken = first.bytes.subarray(first.taken, first.filled);
    first.taken = first.filled;
    this.#unread -= taken.length;
    return taken;
  }

  /** The last bytes of what was taken last have not been used. */
  untake(bytes: number): void {
    const [first] = this.#blocks;
    if (first !== undefined) first.taken -= bytes;
    this.#unread += bytes;
  }
}
