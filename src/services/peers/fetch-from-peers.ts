import type { IncomingMessage } from "node:http";
import { BerthError, messageOf } from "../../ground/errors/index.ts";
import { Digester } from "../../parts/oci/index.ts";
import {
  type Peer,
  type PeerAccess,
  PeerError,
  type PeerFailure,
  type PeerOutcome,
  type WantedBlob,
} from "./peer.ts";
import { ask, PeerRefusal } from "./peer-request.ts";

/** A slower peer costs more time than it saves. */
const leastBytesPerSecond = 256 * 1024;
/** How many of the peers that have a blob are tried. */
const maxTries = 3;

/** Takes a blob's bytes in order. Errors that it throws end the transfer, and are not the peer's fault. */
export type PeerSink = {
  write(chunk: Uint8Array): void;
  /** Drops what was written: it was not the blob. */
  restart(): Promise<void>;
};

/**
 * Asks all peers at once for a blob, and gets it from the first that has it, or from the next if that one
 * stalls, sends wrong bytes or fails. If the outcome has `from`, the blob was written and its digest matches.
 * Throws what the sink throws, and the signal's reason.
 */
export async function fetchFromPeers(
  peers: readonly Peer[],
  access: PeerAccess,
  blob: WantedBlob,
  sink: PeerSink,
  signal: AbortSignal,
): Promise<PeerOutcome> {
  const failures: PeerFailure[] = [];
  const fail = (peer: Peer, error: unknown): void => {
    // A peer that lacks a blob or is busy has not failed.
    if (!(error instanceof PeerRefusal)) failures.push({ peer, reason: messageOf(error) });
  };
  using holders = new Holders(peers, access, blob, signal, fail);
  for (let tries = 0; tries < maxTries; tries++) {
    const peer = await holders.next();
    signal.throwIfAborted();
    if (peer === undefined) break;
    try {
      await fetchFrom(peer, access, blob, sink, signal);
      return { from: peer, failures };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BerthError && !(error instanceof PeerError)) throw error;
      await sink.restart();
      fail(peer, error);
    }
  }
  return { from: undefined, failures };
}

/** Peers that report having a blob, in the order of their responses. */
class Holders implements Disposable {
  readonly #asking = new Map<Peer, Promise<Peer | undefined>>();
  readonly #done = new AbortController();

  constructor(
    peers: readonly Peer[],
    access: PeerAccess,
    blob: WantedBlob,
    signal: AbortSignal,
    fail: (peer: Peer, error: unknown) => void,
  ) {
    const either = AbortSignal.any([signal, this.#done.signal]);
    for (const peer of peers) {
      const asked = ask(peer, access, "HEAD", blob, either).then(
        (response) => {
          response.resume();
          return peer;
        },
        (error: unknown) => {
          if (!either.aborted) fail(peer, error);
          this.#asking.delete(peer);
          return undefined;
        },
      );
      this.#asking.set(peer, asked);
    }
  }

  async next(): Promise<Peer | undefined> {
    while (this.#asking.size > 0) {
      const found = await Promise.race(this.#asking.values());
      if (found === undefined) continue;
      this.#asking.delete(found);
      return found;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#done.abort();
  }
}

async function fetchFrom(
  peer: Peer,
  access: PeerAccess,
  blob: WantedBlob,
  sink: PeerSink,
  signal: AbortSignal,
): Promise<void> {
  const slow = new AbortController();
  const either = AbortSignal.any([signal, slow.signal]);
  const response = await ask(peer, access, "GET", blob, either);
  let received = 0;
  using _pace = watchPace(access.timeoutMs, () => received, slow);
  const digester = new Digester(blob.digest);
  for await (const chunk of bytesOf(response, slow.signal)) {
    received += chunk.length;
    if (received > blob.size) throw new PeerError("DataLoss", `sent more than ${blob.size} bytes`);
    digester.update(chunk);
    sink.write(chunk);
  }
  const actual = digester.digest();
  if (received !== blob.size || actual !== blob.digest)
    throw new PeerError("DataLoss", `sent ${received} bytes with digest ${actual} for ${blob.digest}`);
}

/** Errors of the connection are the peer's fault, not the sink's. */
async function* bytesOf(response: IncomingMessage, slow: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    if (slow.aborted) throw slow.reason;
    throw new PeerError("Unavailable", `broke off: ${messageOf(error)}`);
  }
}

function watchPace(periodMs: number, received: () => number, slow: AbortController): Disposable {
  const least = (leastBytesPerSecond * periodMs) / 1000;
  let before = 0;
  const timer = setInterval(() => {
    const now = received();
    if (now - before < least)
      slow.abort(new PeerError("Unavailable", `sent only ${now - before} bytes in ${periodMs} ms`));
    before = now;
  }, periodMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
