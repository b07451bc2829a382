import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";

const periodMs = 10_000;

/**
 * Looks every ten seconds whether anybody has changed rules of the machine, which takes some microseconds
 * and no lock of the kernel, and calls back when somebody has: they may have removed those of pods.
 */
export class RuleWatch implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #timer: NodeJS.Timeout;
  #generation: number;

  /** Throws LinuxError where the kernel has no nf_tables. */
  constructor(onChange: () => void) {
    this.#socket = NetlinkSocket.open("netfilter");
    this.#generation = nft.generationOf(this.#socket);
    this.#timer = setInterval(() => {
      const generation = nft.generationOf(this.#socket);
      if (generation === this.#generation) return;
      this.#generation = generation;
      onChange();
    }, periodMs).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket[Symbol.dispose]();
  }
}
