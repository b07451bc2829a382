import type { Duplex } from "node:stream";

/**
 * Stops and continues reading from a connection. While reading is stopped, the connection is probed: only
 * writing then detects that the peer has closed it.
 */
export class ReadGate implements Disposable {
  readonly #socket: Duplex;
  readonly #probe: () => void;
  readonly #intervalMs: number;
  #isOpen = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, probe: () => void, intervalMs: number) {
    this.#socket = socket;
    this.#probe = probe;
    this.#intervalMs = intervalMs;
  }

  set(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    clearInterval(this.#timer);
    if (isOpen) {
      this.#socket.resume();
      return;
    }
    this.#socket.pause();
    this.#timer = setInterval(this.#probe, this.#intervalMs);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
