import type { JsonObject } from "../../ground/json/index.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkConfig } from "./network-config.ts";

/**
 * A record written before a pod's first plugin runs, so that everything can be undone after a crash and after
 * a change of configuration: the pod, and each network as it was configured then.
 */
export type Attachment = {
  readonly pod: PodAttachment;
  /**
   * Empty only for a pod that was released while its networks were unknown: then DEL runs for the networks
   * that are configured at that time.
   */
  readonly networks: readonly AttachedNetwork[];
  /** DEL failed for so long that the pod was released without it; DEL is still to be run. */
  readonly givenUp?: boolean;
};

/**
 * Whoever created an attachment also removes it: the plugin programs, or berth in process. If the record is
 * lost, both do.
 */
export type Maker = "programs" | "berth" | "unknown";

export type AttachedNetwork = {
  readonly ifName: string;
  readonly madeBy: Maker;
  readonly config: NetworkConfig;
  /** The final result of ADD, as printed; undefined while ADD is in progress. */
  readonly result: JsonObject | undefined;
};
