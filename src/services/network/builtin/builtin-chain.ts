import { messageOf } from "../../../ground/errors/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { JobThread, threadFile } from "../../../ground/threads/index.ts";
import type { AttachedNetwork, Attachment } from "../attachment.ts";
import { type CniResult, parseResult } from "../cni-result.ts";
import type { PodAttachment } from "../network.ts";
import type { NetworkChain, ValidAttachment } from "../network-chain.ts";
import type { NetworkConfig } from "../network-config.ts";
import { NetworkError } from "../network-error.ts";
import { cniArgs } from "../pod-arguments.ts";
import type { BuiltinAnswer, BuiltinJob, BuiltinThreadData } from "./builtin-jobs.ts";
import type { IpNetwork } from "./ip-address.ts";
import type { LeftLink, PreparedPort } from "./plugin.ts";
import { RuleWatch } from "./rule-watch.ts";

export type BuiltinChainOptions = BuiltinThreadData & {
  readonly logger: Logger;
  /** Called when the rules of pods that are attached have to be made again. */
  readonly onRulesLost: () => void;
  /** Of the thread, in place of its own; for fault tests. */
  readonly thread?: URL;
};

export type AddHelp = { readonly prepared?: PreparedPort | undefined; readonly file?: string | undefined };

/**
 * CNI's commands in process: a thread of its own asks the kernel for what the plugins' programs would make,
 * and no process is started.
 */
export class BuiltinChain implements NetworkChain, AsyncDisposable {
  readonly #thread: JobThread<BuiltinJob, BuiltinAnswer>;
  readonly #options: BuiltinChainOptions;
  #watch: RuleWatch | undefined;
  /** Links that are being removed after their DEL was answered. */
  readonly #removals = new Set<Promise<void>>();

  constructor(options: BuiltinChainOptions) {
    this.#options = options;
    const file = options.thread ?? threadFile(import.meta.url, "./builtin-worker");
    const workerData: BuiltinThreadData = { table: options.table };
    this.#thread = new JobThread({ name: "networks", file, workerData, error: NetworkError });
  }

  /** Throws when this kernel or this process cannot do it. */
  async probe(): Promise<void> {
    await this.#thread.run({ kind: "probe" });
    this.#watch ??= new RuleWatch(() => void this.#verify());
  }

  async requirePlugins(): Promise<void> {
    // Nothing is missing that the kernel does not have, which `probe` has seen.
  }

  /**
   * `prepared`: what {@link prepare} has made in the pod's namespace of the same network. `file`: where the
   * attachment is written down, if it is this network alone.
   */
  async add(
    network: AttachedNetwork,
    pod: PodAttachment,
    signal?: AbortSignal,
    { prepared, file }: AddHelp = {},
  ): Promise<CniResult> {
    // What programs cannot be told of is refused here as well.
    cniArgs(pod);
    const { result, rebuilt } = await this.#thread.run({ kind: "add", network, pod, prepared, file }, signal);
    if (rebuilt) this.#options.onRulesLost();
    return parseResult(JSON.stringify(result), network.config.name);
  }

  /** See {@link BuiltinPlugin.prepare}. Undefined where the network has nothing that can be made ahead. */
  async prepare(network: AttachedNetwork, netnsPath: string): Promise<PreparedPort | undefined> {
    return (await this.#thread.run({ kind: "prepare", network, netnsPath })).port;
  }

  /** Takes away what was made ahead, where another network is attached in its place. */
  async discard(port: PreparedPort): Promise<void> {
    await this.#thread.run({ kind: "discard", port });
  }

  async delete(network: AttachedNetwork, pod: PodAttachment): Promise<void> {
    const { links = [] } = await this.#thread.run({ kind: "delete", network, pod });
    for (const link of links) this.#removeLater(link);
  }

  async deleteWhatGoes(network: AttachedNetwork, pod: PodAttachment): Promise<readonly unknown[]> {
    return await this.delete(network, pod).then(
      () => [],
      (error: unknown) => [error],
    );
  }

  async status(): Promise<void> {
    await this.probe();
  }

  async collect(network: NetworkConfig, valid: readonly ValidAttachment[]): Promise<void> {
    const owners = valid.map(({ containerID, ifname }) => ({ containerId: containerID, ifName: ifname }));
    await this.#thread.run({ kind: "collect", network, valid: owners });
  }

  /** Which prefixes this machine has addresses of, or routes to, but for one link's. */
  async usedPrefixes(exceptLink: string): Promise<readonly IpNetwork[]> {
    return (await this.#thread.run({ kind: "listUsed", exceptLink })).used ?? [];
  }

  /** Makes a pod's rules again, where they are lost. */
  async restore({ networks, pod }: Attachment): Promise<void> {
    for (const network of networks)
      if (network.madeBy === "berth") await this.#thread.run({ kind: "restore", network, pod });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await Promise.all(this.#removals);
    await this.#thread[Symbol.asyncDispose]();
  }

  async #verify(): Promise<void> {
    try {
      const { rebuilt } = await this.#thread.run({ kind: "verify" });
      if (rebuilt) this.#options.onRulesLost();
    } catch (err) {
      this.#options.logger.warn({ err }, "cannot check whether the pods' rules exist");
    }
  }

  /** What is left when this fails goes with the pod's namespace, which is about to be removed. */
  #removeLater(link: LeftLink): void {
    const removal = this.#thread.run({ kind: "removeLink", link }).then(
      () => undefined,
      (error: unknown) => {
        this.#options.logger.debug({ link: link.name, err: messageOf(error) }, "cannot remove a link");
      },
    );
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }
}
