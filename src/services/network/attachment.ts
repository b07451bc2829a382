import type { JsonObject } from "../../ground/json/index.ts";
import type { PodAttachment } from "./network.ts";
import type { NetworkConfig } from "./network-config.ts";

/**
 * What is written down of a pod before its first plugin runs, so that everything can be undone after a crash
 * and when the configuration has changed: the pod, and each network as it was configured then.
 */
export type Attachment = {
  readonly pod: PodAttachment;
  /**
   * None only of a pod that was let go while nothing told its networks: DEL is made on those that are
   * configured then.
   */
  readonly networks: readonly AttachedNetwork[];
  /** DEL failed for so long that the pod was let go without it; it is still to be made. */
  readonly givenUp?: boolean;
};

/**
 * Who made an attachment takes it down: the plugins' programs, or berth in process. Where what was written
 * down is lost, both do.
 */
export type Maker = "programs" | "berth" | "unknown";

export type AttachedNetwork = {
  readonly ifName: string;
  readonly madeBy: Maker;
  readonly config: NetworkConfig;
  /** The final result of ADD, as printed; undefined while ADD is under way. */
  readonly result: JsonObject | undefined;
};
