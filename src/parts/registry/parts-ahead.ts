import { performance } from "node:perf_hooks";
import type { Descriptor, Reference } from "../oci/index.ts";
import { parseContentRange } from "./content-range.ts";
import type { Endpoint } from "./endpoint.ts";
import { endedEarly, RegistryError } from "./errors.ts";
import type { Session } from "./session.ts";
import { discard, type HttpResponse } from "./transport.ts";

/** Share of busy time above which the thread has enough to do without more bytes. */
const busyShare = 0.5;

/** How many parts of a blob may still fail before one connection fetches all of it. */
export type PartTries = { left: number };

type Blob = {
  readonly reference: Reference;
  readonly descriptor: Descriptor;
  /** The response that is read up to the first part. */
  readonly before: HttpResponse;
};

type Part = {
  readonly start: number;
  readonly end: number;
  readonly cancel: AbortController;
  readonly bytes: Promise<Uint8Array | undefined>;
  readonly turn: Disposable;
  /** Whether the server has confirmed that it sends the requested part. */
  isComing: boolean;
};

/**
 * Fetches parts of a blob over additional connections while the bytes before them are still being read, once
 * the network proves to be the bottleneck: many hosts limit the speed of a connection. Parts are contiguous.
 * If the server does not support ranges, there are none.
 */
export class PartsAhead implements Disposable {
  readonly #session: Session;
  readonly #endpoint: Endpoint;
  readonly #reference: Reference;
  readonly #descriptor: Descriptor;
  /** The server's ETag of the blob that is being read. */
  readonly #version: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #parts: Part[] = [];
  readonly #tries: PartTries;
  #isRefused = false;
  #lookedAtMs = performance.now();
  #load = performance.eventLoopUtilization();

  constructor(
    session: Session,
    endpoint: Endpoint,
    { reference, descriptor, before }: Blob,
    tries: PartTries,
    signal: AbortSignal | undefined,
  ) {
    this.#session = session;
    this.#endpoint = endpoint;
    this.#reference = reference;
    this.#descriptor = descriptor;
    this.#version = versionOf(before);
    this.#tries = tries;
    this.#signal = signal;
  }

  /**
   * The position up to which to read the blob in the usual way, starting at `position`: the start of the
   * first part, or Infinity while there is none. Parts that are overtaken are given up.
   */
  boundary(position: number): number {
    const [first] = this.#parts;
    if (first === undefined) return Number.POSITIVE_INFINITY;
    if (first.start < position) this[Symbol.dispose]();
    return first.start >= position && first.isComing ? first.start : Number.POSITIVE_INFINITY;
  }

  /** Starts another part if that looks useful. `position` is how far the blob has been read. */
  look(position: number): void {
    const { partBytes, waitMs } = this.#session.parts;
    const nowMs = performance.now();
    if (nowMs - this.#lookedAtMs < waitMs) return;
    const load = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(load, this.#load);
    this.#lookedAtMs = nowMs;
    this.#load = load;
    if (utilization > busyShare) return;
    this.#begin(this.#parts.at(-1)?.end ?? position + partBytes);
  }

  /**
   * Takes the bytes of the first part; another one may start in its place. Undefined if there is none or it
   * failed; then the rest is to be fetched in the usual way.
   */
  async take(): Promise<Uint8Array | undefined> {
    const part = this.#parts[0];
    const bytes = await part?.bytes;
    if (part === undefined || bytes === undefined) return undefined;
    this.#parts.shift();
    part.turn[Symbol.dispose]();
    this.#begin(this.#parts.at(-1)?.end ?? part.end);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#dropFrom(0);
  }

  #dropFrom(index: number): void {
    for (const { cancel, turn } of this.#parts.splice(index)) {
      cancel.abort();
      turn[Symbol.dispose]();
    }
  }

  #begin(start: number): void {
    const end = Math.min(start + this.#session.parts.partBytes, this.#descriptor.size);
    if (start >= end || this.#isRefused || this.#tries.left === 0) return;
    const turn = this.#session.takePartTurn(this.#endpoint);
    if (turn === undefined) return;
    const cancel = new AbortController();
    const part: Part = {
      start,
      end,
      cancel,
      turn,
      isComing: false,
      bytes: this.#fetch(start, end, cancel.signal, () => {
        part.isComing = true;
      }).catch(() => this.#fail(part)),
    };
    this.#parts.push(part);
  }

  /** Gives up a part and those after it. The usual way of reading finds out the reason, and reports it. */
  #fail(part: Part): undefined {
    const index = this.#parts.indexOf(part);
    if (index < 0) return;
    if (part.isComing) this.#tries.left--;
    else this.#isRefused = true;
    this.#dropFrom(index);
  }

  async #fetch(start: number, end: number, canceled: AbortSignal, onComing: () => void): Promise<Uint8Array> {
    const { host } = this.#endpoint;
    const response = await this.#session.send(
      this.#endpoint,
      {
        method: "GET",
        reference: this.#reference,
        path: `blobs/${this.#descriptor.digest}`,
        headers: { range: `bytes=${start}-${end - 1}` },
        accepted: [206],
      },
      this.#signal === undefined ? canceled : AbortSignal.any([this.#signal, canceled]),
    );
    if (!this.#isAsked(response, start, end)) {
      discard(response);
      throw new RegistryError("Unavailable", `${host}: sent something other than the requested part`);
    }
    onComing();
    // Copied into one buffer: a server may send chunks of one byte each, and each would take a hundred.
    const bytes = Buffer.allocUnsafeSlow(end - start);
    let length = 0;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (length + chunk.length > bytes.length)
        throw new RegistryError("DataLoss", `${host}: sent more than the requested part`);
      bytes.set(chunk, length);
      length += chunk.length;
    }
    if (length < bytes.length) throw endedEarly(host, start + length, this.#descriptor);
    return bytes;
  }

  /**
   * Whether the response is the requested part of the same version. Otherwise only the digest of the whole
   * blob would reveal the difference.
   */
  #isAsked(response: HttpResponse, start: number, end: number): boolean {
    const range = parseContentRange(response.headers["content-range"]);
    const version = versionOf(response);
    return (
      response.status === 206 &&
      range?.start === start &&
      range.end === end &&
      (range.total === undefined || range.total === this.#descriptor.size) &&
      (version === undefined || this.#version === undefined || version === this.#version)
    );
  }
}

function versionOf({ headers }: HttpResponse): string | undefined {
  return typeof headers.etag === "string" ? headers.etag : undefined;
}
