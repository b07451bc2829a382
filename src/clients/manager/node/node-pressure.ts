import type { Clock } from "../../../ground/clock/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import { binaryQuantity } from "../../../ground/quantity/index.ts";
import type { Client } from "../../criclient/index.ts";
import { imageDirectory, removeUnusedImages } from "../../podlife/index.ts";
import type { PodContext } from "../../podspec/index.ts";
import type { StoredPod } from "../objects.ts";
import { readLevels } from "./levels.ts";
import { podUsage } from "./pod-usage.ts";
import { resourceOf, type Shortage, shortages, type Thresholds } from "./thresholds.ts";
import { consumers, rankForEviction } from "./usage-rank.ts";

export type NodePressureOptions = {
  readonly client: Client;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly context: PodContext;
  readonly thresholds: Thresholds;
  /** The running pods. */
  readonly pods: () => readonly StoredPod[];
  readonly evict: (pod: StoredPod, message: string) => void;
  readonly onChange: () => void;
  readonly onProblem: (message: string) => void;
};

/** A kubelet's interval, and how long it keeps a pressure condition after the pressure has gone. */
const lookMs = 10_000;
const transitionNs = 300_000_000_000n;

/**
 * Monitors memory and disks. If a disk is short of space, removes unused images; if that is not enough,
 * evicts one pod at a time, as a kubelet does (pkg/kubelet/eviction).
 */
export class NodePressure implements AsyncDisposable {
  readonly #options: NodePressureOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  readonly #seenNs = new Map<"memory" | "disk", bigint>();

  constructor(options: NodePressureOptions) {
    this.#options = options;
    this.#running = options.thresholds.size === 0 ? Promise.resolve() : this.#run();
  }

  /** Whether there is pressure, or was until recently. */
  get memory(): boolean {
    return this.#isUnder("memory");
  }

  get disk(): boolean {
    return this.#isUnder("disk");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  #isUnder(what: "memory" | "disk"): boolean {
    const seenNs = this.#seenNs.get(what);
    return seenNs !== undefined && this.#options.clock.nowNs() - seenNs < transitionNs;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { clock, onChange, onProblem } = this.#options;
    // A pressure condition expires with time, also between two checks.
    let told = "false false";
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        onProblem(`cannot check node pressure: ${messageOf(error)}`);
      }
      const believed = `${this.memory} ${this.disk}`;
      if (believed !== told) onChange();
      told = believed;
      await clock.wait(lookMs, signal).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const [first] = await this.#shortages();
    if (first === undefined) return;
    if (resourceOf(first.signal) !== "memory") {
      await removeUnusedImages(this.#options.client, this.#options);
      const [still] = await this.#shortages();
      return still === undefined ? undefined : await this.#evictFor(still);
    }
    await this.#evictFor(first);
  }

  async #shortages(): Promise<readonly Shortage[]> {
    const { client, dataDir, thresholds, clock } = this.#options;
    const levels = await readLevels(dataDir, await imageDirectory(client));
    const found = shortages(levels, thresholds);
    for (const { signal } of found)
      this.#seenNs.set(resourceOf(signal) === "memory" ? "memory" : "disk", clock.nowNs());
    return found;
  }

  async #evictFor({ signal, threshold, available }: Shortage): Promise<void> {
    const resource = resourceOf(signal);
    const usages = await Promise.all(
      this.#options.pods().map((pod) => podUsage(pod, resource, this.#options)),
    );
    const [victim] = rankForEviction(usages, resource);
    if (victim === undefined) return;
    const amount = (value: number) => (resource === "inodes" ? String(value) : binaryQuantity(value));
    this.#options.evict(
      victim.pod,
      `The node was low on resource: ${resource}. Threshold quantity: ${amount(threshold)}, available: ${amount(available)}. ${consumers(victim, resource)}`,
    );
  }
}
