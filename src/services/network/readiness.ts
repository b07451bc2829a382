import { messageOf } from "../../ground/errors/index.ts";
import { isAtLeast } from "./cni-version.ts";
import type { NetworkStatus } from "./network.ts";
import type { NetworkChain } from "./network-chain.ts";
import type { NetworkConfig } from "./network-config.ts";

/**
 * Kubelets ask every few seconds. How old the plugins' last answer may become before they are asked again.
 */
const maxAgeMs = { ready: 5000, notReady: 1000 };

/**
 * Whether the plugins of the configured networks can serve a pod: their binaries exist, and those of networks
 * that support STATUS (CNI 1.1.0) report it. Answers from memory and refreshes in the background.
 */
export class Readiness implements AsyncDisposable {
  readonly #networks: readonly NetworkConfig[];
  readonly #chain: NetworkChain;
  readonly #disposed = new AbortController();
  #status: NetworkStatus = notReady("the CNI plugins have not reported yet whether they are ready");
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(networks: readonly NetworkConfig[], chain: NetworkChain) {
    this.#networks = networks;
    this.#chain = chain;
  }

  /** The last answer; if it is old, the plugins are asked again in the background. */
  status(): NetworkStatus {
    if (performance.now() - this.#askedAtMs > maxAgeMs[this.#status.kind]) this.ask();
    return this.#status;
  }

  /** Resolves when {@link status} is up to date, as far as possible without running a plugin. */
  async check(): Promise<void> {
    const asked = this.ask();
    if (!this.#networks.some((network) => hasStatus(network) && !network.isDefault)) await asked;
  }

  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort();
    await this.#asking;
  }

  async #ask(): Promise<void> {
    this.#askedAtMs = performance.now();
    try {
      for (const network of this.#networks) await this.#chain.requirePlugins(network);
      for (const network of this.#networks.filter(hasStatus))
        await this.#chain.status(network, this.#disposed.signal);
      this.#status = { kind: "ready" };
    } catch (error) {
      this.#status = notReady(messageOf(error));
    }
  }
}

/** The reason that kubelets and their users know for this condition. */
export function notReady(message: string): NetworkStatus {
  return { kind: "notReady", reason: "NetworkPluginNotReady", message };
}

function hasStatus({ cniVersion }: NetworkConfig): boolean {
  return isAtLeast(cniVersion, "1.1.0");
}
