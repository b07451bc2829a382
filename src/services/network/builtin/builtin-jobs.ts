import type { JsonObject } from "../../../ground/json/index.ts";
import type { AttachedNetwork } from "../attachment.ts";
import type { PodAttachment } from "../network.ts";
import type { NetworkConfig } from "../network-config.ts";
import type { IpNetwork } from "./ip-address.ts";
import type { LeftLink, PreparedPort } from "./plugin.ts";

/** Jobs of the built-in plugins' thread. */
export type BuiltinJob =
  | {
      readonly kind: "delete" | "restore";
      readonly network: AttachedNetwork;
      readonly pod: PodAttachment;
    }
  | {
      readonly kind: "add";
      readonly network: AttachedNetwork;
      readonly pod: PodAttachment;
      readonly prepared?: PreparedPort | undefined;
      /**
       * Path of the attachment's file, which is written before the plugins run and, with the result, after
       * them; only if this is its only network.
       */
      readonly file?: string | undefined;
    }
  | { readonly kind: "prepare"; readonly network: AttachedNetwork; readonly netnsPath: string }
  | { readonly kind: "discard"; readonly port: PreparedPort }
  | { readonly kind: "removeLink"; readonly link: LeftLink }
  | { readonly kind: "collect"; readonly network: NetworkConfig; readonly valid: readonly Valid[] }
  /** Checks that this kernel supports the rules. */
  | { readonly kind: "probe" }
  /** Creates missing rules; or all of them, without elements, if somebody has replaced the table. */
  | { readonly kind: "verify"; readonly isReplaced: boolean }
  /** Prefixes that this machine has addresses in, or routes to, except for those of one link. */
  | { readonly kind: "listUsed"; readonly exceptLink: string };

/** The thread's workerData. */
export type BuiltinThreadData = {
  /** Name of this daemon's own nf_tables table. */
  readonly table: string;
};

type Valid = { readonly containerId: string; readonly ifName: string };

export type BuiltinAnswer = {
  /** For ADD: what a program would have printed. */
  readonly result?: JsonObject;
  /** For `prepare`; undefined if the network has nothing to create in advance. */
  readonly port?: PreparedPort | undefined;
  /** For DEL: links that remain to be removed. */
  readonly links?: readonly LeftLink[];
  /** The rules were lost: those of attached pods must be restored. */
  readonly rebuilt?: boolean;
  readonly used?: readonly IpNetwork[];
};
