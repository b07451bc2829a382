import type { Logger } from "../../ground/logging/index.ts";
import type { AttachmentStore } from "./attachment-store.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkChain, ValidAttachment } from "./network-chain.ts";
import type { NetworkConfig } from "./network-config.ts";

/**
 * GC (CNI 1.1.0): once for each network, its plugins are told which attachments there are, and let go of what
 * else they hold, such as addresses of pods that were lost in a crash. A pod is attached only after that, or
 * it might be taken for lost.
 */
export class GarbageCollection implements AsyncDisposable {
  readonly #chain: NetworkChain;
  readonly #store: AttachmentStore;
  readonly #logger: Logger;
  readonly #runs = new Map<string, Promise<void>>();
  readonly #disposed = new AbortController();

  constructor(chain: NetworkChain, store: AttachmentStore, logger: Logger) {
    this.#chain = chain;
    this.#store = store;
    this.#logger = logger;
  }

  /**
   * Resolves when it has been done for the network of that name, whatever came of it; a failure is logged.
   */
  onceFor(network: NetworkConfig): Promise<void> {
    if (!isAtLeast(network.cniVersion, "1.1.0") || network.disableGC) return Promise.resolve();
    const run = this.#runs.get(network.name) ?? this.#run(network);
    this.#runs.set(network.name, run);
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await Promise.all(this.#runs.values());
  }

  /** Nothing of a pod depends on it: resources that stay held are tried again at the next start. */
  async #run(network: NetworkConfig): Promise<void> {
    try {
      await this.#chain.collect(network, await this.#attachmentsTo(network.name), this.#disposed.signal);
    } catch (error) {
      this.#logger.warn({ network: network.name, err: error }, "garbage collection of a network failed");
    }
  }

  async #attachmentsTo(name: string): Promise<readonly ValidAttachment[]> {
    const ids = await this.#store.list();
    const attachments = await Promise.all(ids.map((id) => this.#store.read(id)));
    return attachments.flatMap((attachment) => {
      // Of a pod that was let go although DEL failed, plugins are to forget what they can.
      if (attachment === undefined || attachment.givenUp) return [];
      return attachment.networks
        .filter(({ config }) => config.name === name)
        .map(({ ifName }) => ({ containerID: attachment.pod.sandboxId, ifname: ifName }));
    });
  }
}
