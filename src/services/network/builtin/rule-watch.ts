import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";

const periodMs = 10_000;

/** The ruleset's generation, and the kernel's number of our table; undefined if there is none. */
type Seen = { readonly generation: number; readonly handle: bigint | undefined };

/**
 * Checks every ten seconds whether anybody changed rules of the machine, which takes microseconds and no
 * kernel lock, and calls back if so: pods' rules may have been removed. `isReplaced`: somebody created the
 * table anew, for instance from a file that a firewall loads; so its elements may be of an earlier time.
 */
export class RuleWatch implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #table: string;
  readonly #timer: NodeJS.Timeout;
  #seen: Seen;

  /** Throws LinuxError if the kernel has no nf_tables. */
  constructor(table: string, onChange: (isReplaced: boolean) => void) {
    this.#socket = NetlinkSocket.open("netfilter");
    this.#table = table;
    this.#seen = this.#look();
    this.#timer = setInterval(() => {
      const { generation, handle } = this.#seen;
      if (nft.generationOf(this.#socket) === generation) return;
      this.#seen = this.#look();
      onChange(handle !== undefined && ![handle, undefined].includes(this.#seen.handle));
    }, periodMs).unref();
  }

  /** The table was created anew by berth itself. */
  accept(): void {
    this.#seen = { ...this.#seen, handle: this.#look().handle };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket[Symbol.dispose]();
  }

  #look(): Seen {
    const generation = nft.generationOf(this.#socket);
    return { generation, handle: nft.tableHandle(this.#socket, this.#table) };
  }
}
