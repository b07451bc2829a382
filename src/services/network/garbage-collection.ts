import type { Logger } from "../../ground/logging/index.ts";
import type { AttachmentStore } from "./attachment-store.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkChain, ValidAttachment } from "./network-chain.ts";
import type { NetworkConfig } from "./network-config.ts";

/**
 * GC (CNI 1.1.0): once for each network, its plugins get the list of existing attachments, and release
 * everything else, such as addresses of pods lost in a crash. Pods are attached only after that, so that none
 * is taken for lost.
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

  /** Resolves when GC has run for the network with that name; failures are logged. */
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

  /** Pods do not depend on it: resources that remain are retried at the next start. */
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
      // Plugins should also release what they can of pods that were released although DEL failed.
      if (attachment === undefined || attachment.givenUp) return [];
      return attachment.networks
        .filter(({ config }) => config.name === name)
        .map(({ ifName }) => ({ containerID: attachment.pod.sandboxId, ifname: ifName }));
    });
  }
}
