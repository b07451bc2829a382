/**
 * Flow-control windows (SPDY draft 3.1, section 2.6.8): one pair for each stream and one for the session.
 *
 * Kubernetes' own implementation (moby/spdystream, in every kubelet, API server and kubectl) has no flow
 * control: it never sends WINDOW_UPDATE or SETTINGS, ignores those that it receives, and sends as much as the
 * connection accepts. A sender that waited for its updates would stop after 64 KiB. An implementation with
 * flow control shows it by SETTINGS at the start, or at the latest by its first WINDOW_UPDATE. So:
 *
 * - A server announces its windows to every client and gives credit as data is read; a client does so only to
 *   servers that have shown flow control.
 * - The peer's windows apply from its first SETTINGS or WINDOW_UPDATE on.
 * - If a peer with flow control exceeds a window, its stream is reset (FLOW_CONTROL_ERROR). If a peer without
 *   it does, the connection is not read while a stream holds more than its window. TCP then limits the peer,
 *   and a stream that nobody reads delays the connection's other streams, as between Kubernetes' own
 *   programs.
 */

/** Window of a stream before any SETTINGS, and of every session at its start. */
export const DEFAULT_WINDOW = 65_536;
export const MAX_WINDOW = 0x7fff_ffff;

/** How much may be sent. Negative after the peer has reduced it, or if it did not apply before. */
export class SendWindow {
  #available: number;

  constructor(size: number) {
    this.#available = size;
  }

  get available(): number {
    return this.#available;
  }

  take(bytes: number): void {
    this.#available -= bytes;
  }

  /**
   * Returns false if the window would exceed the protocol's maximum. `delta` is negative if SETTINGS reduce
   * it.
   */
  grow(delta: number): boolean {
    if (this.#available + delta > MAX_WINDOW) return false;
    this.#available += delta;
    return true;
  }
}

/** How much the peer may send. Credit is given for half a window at a time, to send fewer updates. */
export class ReceiveWindow {
  readonly #size: number;
  #available: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  /** Returns true if the peer did not have credit for all of these bytes. */
  take(bytes: number): boolean {
    this.#available -= bytes;
    return this.#available < 0;
  }

  /**
   * To be called when bytes were read. Returns the credit for a WINDOW_UPDATE; 0 if it is too early for one.
   */
  give(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed * 2 < this.#size) return 0;
    const delta = this.#consumed;
    this.#consumed = 0;
    this.#available += delta;
    return delta;
  }
}
