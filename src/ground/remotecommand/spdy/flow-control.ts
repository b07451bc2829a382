/**
 * Flow-control windows (SPDY draft 3.1, section 2.6.8), one pair for each stream and one for the session.
 *
 * Kubernetes' own implementation (moby/spdystream, in every kubelet, API server and kubectl) has no flow
 * control: it never sends WINDOW_UPDATE or SETTINGS, ignores those it gets, and sends as much as the
 * connection takes. A sender that waited for its updates would stop after 64 KiB. An implementation that has
 * flow control announces itself by SETTINGS at the start, or at the latest by its first WINDOW_UPDATE. So:
 *
 * - We announce our windows and give credit as data is consumed; a server to every client, a client to
 *   servers that have shown flow control.
 * - We keep to the peer's windows from its first SETTINGS or WINDOW_UPDATE on.
 * - A peer that has shown flow control and then overflows our window has its stream reset
 *   (FLOW_CONTROL_ERROR). From one that has not, we stop reading the connection while a stream holds more
 *   than its window: TCP is then the window, and a stream that nobody reads holds up the other streams of the
 *   connection, as it does between Kubernetes' own ends.
 */

/** The window of a stream before SETTINGS say otherwise, and of every session at its start. */
export const DEFAULT_WINDOW = 65_536;
export const MAX_WINDOW = 0x7fff_ffff;

/** How much we may send. Below zero when the peer made it smaller, or when it was not kept yet. */
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
   * False when the window would be larger than the protocol allows; `delta` is negative when SETTINGS shrink
   * it.
   */
  grow(delta: number): boolean {
    if (this.#available + delta > MAX_WINDOW) return false;
    this.#available += delta;
    return true;
  }
}

/** How much the peer may send. Credit is given back by halves of the window, so that updates are few. */
export class ReceiveWindow {
  readonly #size: number;
  #available: number;
  #consumed = 0;

  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  /** True when the peer had no credit left for all of these bytes. */
  take(bytes: number): boolean {
    this.#available -= bytes;
    return this.#available < 0;
  }

  /** What to announce by WINDOW_UPDATE now that the reader has these bytes; 0 for nothing yet. */
  give(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed * 2 < this.#size) return 0;
    const delta = this.#consumed;
    this.#consumed = 0;
    this.#available += delta;
    return delta;
  }
}
