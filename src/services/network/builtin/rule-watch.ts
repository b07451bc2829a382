import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";

const periodMs = 10_000;

/**
 * Checks every ten seconds whether anybody changed rules of the machine, which takes microseconds and no
 * kernel lock, and calls back if so: pods' rules may have been removed.
 */
export class RuleWatch implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #timer: NodeJS.Timeout;
  #generation: number;

  /** Throws LinuxError if the kernel has no nf_tables. */
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
