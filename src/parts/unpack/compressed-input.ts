import { type Digest, Digester } from "../oci/index.ts";
import { UnpackError } from "./unpack-error.ts";

type ExpectedBytes = { readonly digest?: Digest; readonly size: number };

/**
 * The compressed bytes of a layer as they arrive: counted, hashed, and compared with the expected size and
 * digest.
 */
export class CompressedInput implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #expected: ExpectedBytes;
  readonly #digester: Digester;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => this.#giveUp?.(this.#signal?.reason);
  /** Ends the wait for a chunk. */
  #giveUp: ((reason: unknown) => void) | undefined;
  #sizeBytes = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>, expected: ExpectedBytes, signal: AbortSignal | undefined) {
    this.#chunks = source[Symbol.asyncIterator]();
    this.#expected = expected;
    this.#digester = new Digester(expected.digest);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * The next chunk, valid until the following one is requested; undefined at the end. Throws UnpackError
   * DataLoss for more bytes than expected, and the signal's reason.
   */
  async next(): Promise<Uint8Array | undefined> {
    const step = await this.#nextUnlessAborted();
    if (step.done) {
      this.#ended = true;
      return undefined;
    }
    this.#sizeBytes += step.value.length;
    if (this.#sizeBytes > this.#expected.size) {
      throw new UnpackError(
        "DataLoss",
        `layer ${this.#expected.digest ?? ""} has more than the expected ${this.#expected.size} bytes`,
      );
    }
    this.#digester.update(step.value);
    return step.value;
  }

  /** Reads the rest, and compares size and digest. Throws UnpackError DataLoss. */
  async verify(): Promise<Digest> {
    while (!this.#ended) await this.next();
    const { digest, size } = this.#expected;
    if (this.#sizeBytes !== size) {
      throw new UnpackError(
        "DataLoss",
        `layer ${digest ?? ""} is truncated: only ${this.#sizeBytes} of ${size} bytes were received`,
      );
    }
    const actual = this.#digester.digest();
    if (digest !== undefined && actual !== digest)
      throw new UnpackError("DataLoss", `layer ${digest} is corrupt: its bytes have digest ${actual}`);
    return actual;
  }

  /** Tells a source that was not read to its end to stop. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    if (this.#ended) return;
    const returned = this.#chunks.return?.();
    if (!this.#signal?.aborted) await returned;
    else returned?.catch(() => {}); // it may still wait for bytes, and ends by the same signal, with its reason
  }

  /** The source may wait for a long time after it was told to stop. */
  #nextUnlessAborted(): Promise<IteratorResult<Uint8Array>> {
    this.#signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      this.#chunks.next().then(resolve, reject);
    });
  }
}
