import { performance } from "node:perf_hooks";
import type { Descriptor, Reference } from "../oci/index.ts";
import { parseContentRange } from "./content-range.ts";
import type { Endpoint } from "./endpoint.ts";
import { endedEarly } from "./errors.ts";
import type { Session } from "./session.ts";
import { discard } from "./transport.ts";

/** Of the time, above which the thread has enough to do without more bytes. */
const busyShare = 0.5;

type Part = {
  readonly start: number;
  readonly end: number;
  readonly cancel: AbortController;
  readonly bytes: Promise<readonly Uint8Array[] | undefined>;
  readonly turn: Disposable;
  /** The server has said that it sends what was asked for. */
  isComing: boolean;
};

/**
 * Parts of a blob that come over connections of their own while what is before them is still being read, once
 * the network turns out to be what is slow: many hosts limit what one connection gets. Parts follow one
 * another without a gap. Where a server does not do ranges there are none.
 */
export class PartsAhead implements Disposable {
  readonly #session: Session;
  readonly #endpoint: Endpoint;
  readonly #reference: Reference;
  readonly #descriptor: Descriptor;
  readonly #signal: AbortSignal | undefined;
  readonly #parts: Part[] = [];
  #isRefused = false;
  #lookedAtMs = performance.now();
  #load = performance.eventLoopUtilization();

  constructor(
    session: Session,
    endpoint: Endpoint,
    reference: Reference,
    descriptor: Descriptor,
    signal: AbortSignal | undefined,
  ) {
    this.#session = session;
    this.#endpoint = endpoint;
    this.#reference = reference;
    this.#descriptor = descriptor;
    this.#signal = signal;
  }

  /**
   * Up to where the blob is to be read in the usual way from `position` on: the beginning of the first part,
   * or Infinity while none is coming. Parts that came too late are given up.
   */
  boundary(position: number): number {
    const [first] = this.#parts;
    if (first === undefined) return Number.POSITIVE_INFINITY;
    if (first.start < position) this[Symbol.dispose]();
    return first.start >= position && first.isComing ? first.start : Number.POSITIVE_INFINITY;
  }

  /** Begins another part where that promises to be of use. `position` is how far the blob has been read. */
  look(position: number): void {
    const { partBytes, waitMs } = this.#session.parts;
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < waitMs) return;
    const load = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(load, this.#load);
    this.#lookedAtMs = nowMs;
    this.#load = load;
    if (this.#isRefused || utilization > busyShare) return;
    const start = this.#parts.at(-1)?.end ?? position + partBytes;
    this.#begin(start, Math.min(start + partBytes, this.#descriptor.size));
  }

  /**
   * The bytes of the first part, which is the first no longer, and whose place another one takes. Undefined
   * if there is none or it did not come; the rest is then to be fetched in the usual way.
   */
  async take(): Promise<readonly Uint8Array[] | undefined> {
    const part = this.#parts[0];
    if (part === undefined) return undefined;
    const bytes = await part.bytes;
    if (bytes === undefined) {
      this[Symbol.dispose]();
      this.#isRefused = true;
      return undefined;
    }
    this.#parts.shift();
    part.turn[Symbol.dispose]();
    const start = this.#parts.at(-1)?.end ?? part.end;
    this.#begin(start, Math.min(start + this.#session.parts.partBytes, this.#descriptor.size));
    return bytes;
  }

  [Symbol.dispose](): void {
    for (const { cancel, turn } of this.#parts.splice(0)) {
      cancel.abort();
      turn[Symbol.dispose]();
    }
  }

  #begin(start: number, end: number): void {
    if (start >= end) return;
    const turn = this.#session.takePartTurn(this.#endpoint);
    if (turn === undefined) return;
    const cancel = new AbortController();
    const part: Part = {
      start,
      end,
      cancel,
      turn,
      isComing: false,
      bytes: this.#fetch(start, end, cancel, () => {
        part.isComing = true;
      }),
    };
    this.#parts.push(part);
  }

  /** Undefined when it does not come, for whatever reason: the usual way finds out and tells. */
  async #fetch(
    start: number,
    end: number,
    cancel: AbortController,
    onComing: () => void,
  ): Promise<readonly Uint8Array[] | undefined> {
    const signal =
      this.#signal === undefined ? cancel.signal : AbortSignal.any([this.#signal, cancel.signal]);
    try {
      const response = await this.#session.send(
        this.#endpoint,
        {
          method: "GET",
          reference: this.#reference,
          path: `blobs/${this.#descriptor.digest}`,
          headers: { range: `bytes=${start}-${end - 1}` },
          accepted: [206],
        },
        signal,
      );
      const range = parseContentRange(response.headers["content-range"]);
      const isAsked = response.status === 206 && range?.start === start && range.end === end;
      if (!isAsked || (range.total !== undefined && range.total !== this.#descriptor.size)) {
        discard(response);
        this.#isRefused = true;
        return undefined;
      }
      onComing();
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        chunks.push(chunk);
        length += chunk.length;
        if (length > end - start) break;
      }
      if (length !== end - start) throw endedEarly(this.#endpoint.host, start + length, this.#descriptor);
      return chunks;
    } catch {
      return undefined;
    }
  }
}
