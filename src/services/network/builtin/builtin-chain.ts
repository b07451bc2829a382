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
  /** Called when the rules of attached pods must be restored. */
  readonly onRulesLost: () => void;
  /** Overrides the thread's file, in fault tests. */
  readonly thread?: URL;
};

export type AddHelp = { readonly prepared?: PreparedPort | undefined; readonly file?: string | undefined };

/**
 * CNI's commands in process: a thread does over netlink what the plugin programs would do, without starting a
 * process.
 */
export class BuiltinChain implements NetworkChain, AsyncDisposable {
  readonly #thread: JobThread<BuiltinJob, BuiltinAnswer>;
  readonly #options: BuiltinChainOptions;
  #watch: RuleWatch | undefined;
  /** Links that are still being removed after DEL has returned. */
  readonly #removals = new Set<Promise<void>>();

  constructor(options: BuiltinChainOptions) {
    this.#options = options;
    const file = options.thread ?? threadFile(import.meta.url, "./builtin-worker");
    const workerData: BuiltinThreadData = { table: options.table };
    this.#thread = new JobThread({ name: "networks", file, workerData, error: NetworkError });
  }

  /** Throws if this kernel or this process cannot do it. */
  async probe(): Promise<void> {
    await this.#thread.run({ kind: "probe" });
    this.#watchRules();
  }

  async requirePlugins(): Promise<void> {
    // `probe` has checked that the kernel has everything.
  }

  /**
   * `prepared`: what {@link prepare} created for the same network in the pod's namespace. `file`: path of the
   * attachment's file, if this is its only network.
   */
  async add(
    network: AttachedNetwork,
    pod: PodAttachment,
    signal?: AbortSignal,
    { prepared, file }: AddHelp = {},
  ): Promise<CniResult> {
    // Refuses here, too, what cannot be passed to programs.
    cniArgs(pod);
    const { result, rebuilt } = await this.#thread.run({ kind: "add", network, pod, prepared, file }, signal);
    if (rebuilt) this.#options.onRulesLost();
    return parseResult(JSON.stringify(result), network.config.name);
  }

  /** See {@link BuiltinPlugin.prepare}. Undefined if the network has nothing to create in advance. */
  async prepare(network: AttachedNetwork, netnsPath: string): Promise<PreparedPort | undefined> {
    return (await this.#thread.run({ kind: "prepare", network, netnsPath })).port;
  }

  /** Removes what was created in advance, if another network is attached instead. */
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

  /** Prefixes that this machine has addresses in, or routes to, except for those of one link. */
  async usedPrefixes(exceptLink: string): Promise<readonly IpNetwork[]> {
    return (await this.#thread.run({ kind: "listUsed", exceptLink })).used ?? [];
  }

  /** Restores those of a pod's rules that are missing, and watches for losses from then on. */
  async restore({ networks, pod }: Attachment): Promise<void> {
    for (const network of networks) {
      if (network.madeBy !== "berth") continue;
      this.#watchRules();
      await this.#thread.run({ kind: "restore", network, pod });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await Promise.all(this.#removals);
    await this.#thread[Symbol.asyncDispose]();
  }

  #watchRules(): void {
    const { table, logger, onRulesLost } = this.#options;
    this.#watch ??= new RuleWatch({
      table,
      onChange: async (isReplaced) => {
        const { rebuilt } = await this.#thread.run({ kind: "verify", isReplaced });
        if (rebuilt) onRulesLost();
      },
      onError: (err) => logger.warn({ err }, "cannot check whether the pods' rules exist; trying again"),
    });
  }

  /** If this fails, the rest is removed with the pod's namespace, which comes next. */
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
