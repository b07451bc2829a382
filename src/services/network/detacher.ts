import { hasCode, messageOf } from "../../ground/errors/index.ts";
import { isNamespacePin } from "../../ground/linux/index.ts";
import type { Logger } from "../../ground/logging/index.ts";
import type { AttachedNetwork, Attachment } from "./attachment.ts";
import type { AttachmentStore } from "./attachment-store.ts";
import { FailedDetachments } from "./failed-detachments.ts";
import { removeMasquerade } from "./masquerade.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkChain } from "./network-chain.ts";
import { NetworkError } from "./network-error.ts";
import type { OrphanPlugins } from "./orphan-plugins.ts";

type Parts = {
  readonly chain: NetworkChain;
  readonly store: AttachmentStore;
  readonly orphans: OrphanPlugins;
  readonly logger: Logger;
  /** The networks that a pod would be attached to now, for pods of which nothing else is known. */
  readonly networksNow: () => readonly AttachedNetwork[];
  /** Sandboxes that an earlier daemon attached, or was attaching. */
  readonly earlier: readonly string[];
  readonly pluginTimeoutMs: number;
  /** How long DEL may fail before a pod is released without it. */
  readonly giveUpAfterMs: number;
  /** Detaches a sandbox in its turn. */
  readonly tryAgain: (sandboxId: string) => Promise<void>;
};

/**
 * DEL of pods: from what was written down of their ADD, or from what else is known of them; and what is done
 * when it fails.
 */
export class Detacher implements Disposable {
  readonly #parts: Parts;
  readonly #failed: FailedDetachments;
  /**
   * Sandboxes for which a plugin may have been interrupted: by the end of an earlier daemon, or because it
   * failed or was killed.
   */
  readonly #perhapsCut: Set<string>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#perhapsCut = new Set(parts.earlier);
    this.#failed = new FailedDetachments(parts.giveUpAfterMs, (id) =>
      parts
        .tryAgain(id)
        .catch((err: unknown) => parts.logger.debug({ sandboxId: id, err }, "DEL failed again")),
    );
  }

  /**
   * Detaches a pod from its networks. If DEL fails, the pod is still attached, and the error is thrown; but
   * only for the configured time: then the pod is released, after plugins have removed what they can, and DEL
   * is retried in the background, since nobody else will request it.
   */
  async detach(sandboxId: string, pod?: PodAttachment): Promise<void> {
    const attachment = await this.#attachmentOf(sandboxId, pod);
    if (attachment === undefined) return;
    try {
      if (attachment.networks.length === 0) throw unknownNetworks(sandboxId);
      await this.#undo(attachment);
    } catch (error) {
      if (!this.#failed.add(sandboxId)) throw error;
      await this.#giveUp(attachment, error);
    }
  }

  /** DEL after an ADD that failed, or was killed. */
  async undoFailedAdd(attachment: Attachment): Promise<void> {
    this.#perhapsCut.add(attachment.pod.sandboxId);
    await this.#undo(attachment);
  }

  /**
   * DEL on every network, the last one first; stops at the first failure. The record is removed at the end. A
   * plugin is never interrupted because a caller gave up: the next DEL might not find what is left.
   */
  async #undo({ pod, networks }: Attachment): Promise<void> {
    const { chain, store, orphans } = this.#parts;
    const { sandboxId } = pod;
    const present = withoutLostNamespace(pod);
    const isPerhapsCut = this.#perhapsCut.has(sandboxId);
    if (isPerhapsCut) await orphans.endFor(sandboxId);
    this.#perhapsCut.add(sandboxId);
    for (const network of networks.toReversed()) await chain.delete(network, present);
    const isUnknown = networks.some(({ madeBy }) => madeBy === "unknown");
    if (isPerhapsCut || isUnknown || present.netnsPath === "") await this.#removeRest(sandboxId, networks);
    await store.remove(sandboxId);
    this.#perhapsCut.delete(sandboxId);
    this.#failed.delete(sandboxId);
  }

  async #removeRest(sandboxId: string, networks: readonly AttachedNetwork[]): Promise<void> {
    for (const { config, madeBy } of networks) {
      if (madeBy === "berth") continue;
      const removed = await removeMasquerade(config.name, sandboxId, this.#parts.pluginTimeoutMs);
      if (removed.length > 0)
        this.#parts.logger.info({ sandboxId, removed }, "removed masquerading rules that DEL left behind");
    }
  }

  /** Continues with those that an earlier daemon released; failures are retried later. */
  async resume(): Promise<void> {
    const { earlier, store, tryAgain, logger } = this.#parts;
    for (const sandboxId of earlier) {
      try {
        if ((await store.read(sandboxId))?.givenUp) await tryAgain(sandboxId);
      } catch (err) {
        logger.debug({ sandboxId, err }, "DEL of an abandoned pod failed again");
      }
    }
  }

  [Symbol.dispose](): void {
    this.#failed[Symbol.dispose]();
  }

  async #attachmentOf(sandboxId: string, pod: PodAttachment | undefined): Promise<Attachment | undefined> {
    const { store, logger, networksNow } = this.#parts;
    try {
      const attachment = await store.read(sandboxId);
      if (attachment !== undefined) {
        const networks = attachment.networks.length === 0 ? networksNow() : attachment.networks;
        // Known facts about the pod take precedence over the file.
        return { ...attachment, networks, pod: { ...attachment.pod, ...pod } };
      }
      if (pod === undefined) return undefined;
      logger.warn(
        { sandboxId },
        "the record of the pod's networks is gone: running DEL on the currently configured networks",
      );
    } catch (err) {
      if (!hasCode(err, "DataLoss")) throw err;
      logger.warn({ sandboxId, err }, "running DEL on the currently configured networks");
    }
    return { pod: pod ?? unknownPod(sandboxId), networks: networksNow() };
  }

  /**
   * The release is recorded for the next daemon; if that fails (a full disk), the pod is released all the
   * same.
   */
  async #giveUp(attachment: Attachment, error: unknown): Promise<void> {
    if (attachment.givenUp) return;
    const { chain, store, logger } = this.#parts;
    const { pod, networks } = attachment;
    const present = withoutLostNamespace(pod);
    const failures: unknown[] = [];
    for (const network of networks.toReversed())
      failures.push(...(await chain.deleteWhatGoes(network, present)));
    const log = logger.child({ sandboxId: pod.sandboxId, pod: `${pod.podNamespace}/${pod.podName}` });
    log.warn(
      { err: error, failures: failures.map(messageOf) },
      "DEL keeps failing: the pod is removed anyway. Its addresses, interfaces and rules may remain until a retry of DEL succeeds; `berth doctor --leaks` shows leftovers",
    );
    await store
      .write({ ...attachment, givenUp: true })
      .catch((err: unknown) => log.warn({ err }, "cannot record that DEL is still pending"));
  }
}

/** CNI_NETNS is empty if the namespace no longer exists, as after a reboot. */
function withoutLostNamespace(pod: PodAttachment): PodAttachment {
  return isNamespacePin(pod.netnsPath) ? pod : { ...pod, netnsPath: "" };
}

/** The pod was attached to unknown networks: without a DEL, its addresses and rules would silently remain. */
function unknownNetworks(sandboxId: string): NetworkError {
  return new NetworkError(
    "Unavailable",
    `pod sandbox ${sandboxId} cannot be detached: the record of its networks is lost, and no usable CNI configuration says which they were; restore the configuration`,
  );
}

/** Only the id is known, which suffices for DEL of most plugins. */
function unknownPod(sandboxId: string): PodAttachment {
  return {
    sandboxId,
    netnsPath: "",
    podName: "",
    podNamespace: "",
    podUid: "",
    annotations: {},
    cgroupPath: "",
    portMappings: [],
    dns: { servers: [], searches: [], options: [] },
  };
}
