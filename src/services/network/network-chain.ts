import type { AttachedNetwork } from "./attachment.ts";
import type { CniResult } from "./cni-result.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkConfig } from "./network-config.ts";

/** An existing attachment; the names are the protocol's. */
export type ValidAttachment = { readonly containerID: string; readonly ifname: string };

/** CNI's commands for one network, with its plugin programs or built in. */
export type NetworkChain = {
  /** Throws NetworkError FailedPrecondition if something that the network needs is missing. */
  requirePlugins(network: NetworkConfig): Promise<void>;
  /** ADD in order, each plugin with its predecessor's result; resolves with the last one's. */
  add(network: AttachedNetwork, pod: PodAttachment, signal?: AbortSignal): Promise<CniResult>;
  /** DEL in reverse order, each with the final result of ADD. Stops at the first plugin that fails. */
  delete(network: AttachedNetwork, pod: PodAttachment): Promise<void>;
  /**
   * DEL by as many plugins as possible; resolves with the others' errors. For a pod that is released although
   * {@link delete} fails.
   */
  deleteWhatGoes(network: AttachedNetwork, pod: PodAttachment): Promise<readonly unknown[]>;
  /** STATUS, for networks that support it: throws the error of the first plugin that is not ready. */
  status(network: NetworkConfig, signal?: AbortSignal): Promise<void>;
  /**
   * GC: every plugin forgets all attachments but these. Continues after failures and throws an AggregateError
   * at the end.
   */
  collect(network: NetworkConfig, valid: readonly ValidAttachment[], signal?: AbortSignal): Promise<void>;
};
