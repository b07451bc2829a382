import { NetlinkSocket, nft } from "../../../ground/linux/index.ts";

const periodMs = 10_000;

/** The ruleset's generation, and the kernel's number of our table; undefined if there is none. */
type Seen = { readonly generation: number; readonly handle: bigint | undefined };

export type RuleWatchOptions = {
  /** The name of our table. */
  readonly table: string;
  /**
   * `isReplaced`: the table was created anew, for instance from a file that a firewall loads; so its elements
   * may be of an earlier time. Called again if it rejects.
   */
  readonly onChange: (isReplaced: boolean) => Promise<void>;
  /** Called if a check failed; it is repeated after the usual time. */
  readonly onError: (error: unknown) => void;
};

/**
 * Checks every ten seconds whether anybody changed rules of the machine, which takes microseconds and no
 * kernel lock, and calls back if so: pods' rules may have been removed.
 */
export class RuleWatch implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #options: RuleWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #seen: Seen;
  #isChecking = false;

  /** Throws LinuxError if the kernel has no nf_tables. */
  constructor(options: RuleWatchOptions) {
    this.#options = options;
    this.#socket = NetlinkSocket.open("netfilter");
    try {
      this.#seen = this.#look();
    } catch (error) {
      this.#socket[Symbol.dispose]();
      throw error;
    }
    this.#timer = setInterval(() => void this.#check(), periodMs).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket[Symbol.dispose]();
  }

  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    const { generation, handle } = this.#seen;
    try {
      if (nft.generationOf(this.#socket) === generation) return;
      const now = this.#look();
      await this.#options.onChange(handle !== undefined && ![handle, undefined].includes(now.handle));
      // The table that exists now is ours, even if berth has only just created it.
      this.#seen = { ...now, handle: this.#look().handle };
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isChecking = false;
    }
  }

  #look(): Seen {
    const generation = nft.generationOf(this.#socket);
    return { generation, handle: nft.tableHandle(this.#socket, this.#options.table) };
  }
}
