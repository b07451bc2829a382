import type { JsonObject } from "../../../ground/json/index.ts";
import type { AttachedNetwork } from "../attachment.ts";
import type { PodAttachment } from "../network.ts";
import type { NetworkConfig } from "../network-config.ts";
import type { IpNetwork } from "./ip-address.ts";
import type { LeftLink, PreparedPort } from "./plugin.ts";

/** What the thread of the built-in plugins is asked to do. */
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
       * Where the attachment is written down before the plugins run and, with the result, after them; where
       * it is this network alone.
       */
      readonly file?: string | undefined;
    }
  | { readonly kind: "prepare"; readonly network: AttachedNetwork; readonly netnsPath: string }
  | { readonly kind: "discard"; readonly port: PreparedPort }
  | { readonly kind: "removeLink"; readonly link: LeftLink }
  | { readonly kind: "collect"; readonly network: NetworkConfig; readonly valid: readonly Valid[] }
  /** Whether this kernel takes rules at all; whether those are there that must be, and if not, makes them. */
  | { readonly kind: "probe" | "verify" }
  /** Which prefixes this machine has addresses of, or routes to, but for one link's. */
  | { readonly kind: "listUsed"; readonly exceptLink: string };

/** What the thread is started with. */
export type BuiltinThreadData = {
  /** The name of the table of nf_tables that is this daemon's own. */
  readonly table: string;
};

type Valid = { readonly containerId: string; readonly ifName: string };

export type BuiltinAnswer = {
  /** Of ADD: what a program would have printed. */
  readonly result?: JsonObject;
  /** Of `prepare`; undefined where the network has nothing that can be made ahead. */
  readonly port?: PreparedPort | undefined;
  /** Of DEL: to be removed when there is time. */
  readonly links?: readonly LeftLink[];
  /** The rules were gone: those of pods that are attached are to be restored. */
  readonly rebuilt?: boolean;
  readonly used?: readonly IpNetwork[];
};
