import type { JsonObject } from "../../../ground/json/index.ts";
import type { Link, NetlinkSocket } from "../../../ground/linux/index.ts";
import type { PacketRules } from "./packet-rules.ts";
import type { AddResult } from "./result.ts";

/** One pod's interface on one network, for one plugin of its chain. */
export type PluginCall = {
  readonly network: string;
  /** The plugin's own part of the configuration. */
  readonly config: JsonObject;
  /** The sandbox's id. */
  readonly containerId: string;
  readonly ifName: string;
  /** Current path of the namespace; empty if it no longer exists. */
  readonly netnsPath: string;
  /** The namespace's path in results: where it will be pinned. */
  readonly sandbox: string;
  /** Capability arguments of the pod for this plugin. */
  readonly runtimeConfig: JsonObject;
  /** What {@link BuiltinPlugin.prepare} of this plugin created in the same namespace. */
  readonly prepared?: PreparedPort | undefined;
};

/**
 * A veth pair created in advance: the host's end, a port of the bridge, and the pod's end, in the namespace
 * at that path.
 */
export type PreparedPort = { readonly host: LeftLink; readonly pod: PodLink; readonly netnsPath: string };

/** The fields of a link that do not change while a pod is attached. */
export type PodLink = Pick<Link, "index" | "name" | "mac">;

/** Tools that plugins use. */
export type PluginTools = {
  /** Socket in the host's network namespace. */
  readonly route: NetlinkSocket;
  readonly rules: PacketRules;
  /** Distinguishes this daemon's links from others'; the name of its table. */
  readonly mark: string;
  /** Called with the name of each step before it; fault tests end the process there. */
  readonly step: (name: string) => void;
};

/** A veth pair that remains to be removed after DEL has returned, by the host's end. */
export type LeftLink = { readonly index: number; readonly name: string };

/** An interface of an attached pod. */
export type Attached = { readonly containerId: string; readonly ifName: string };

/** A plugin in process, which does what the program of the same name does. */
export type BuiltinPlugin = {
  /** Supported keys of its configuration, in addition to those of every plugin. */
  readonly keys: readonly string[];
  /** Why a configuration whose keys are all supported still needs the program; undefined if it does not. */
  obstacle(config: JsonObject): string | undefined;
  /** ADD. `previous`: the result of the plugins before it. Throws any failure; DEL follows then. */
  add(call: PluginCall, previous: AddResult | undefined, tools: PluginTools): Promise<AddResult>;
  /**
   * Creates the slowest part of ADD in advance, in a network namespace that no pod has yet. It is removed
   * with the namespace.
   */
  prepare?(
    config: JsonObject,
    place: Pick<PluginCall, "netnsPath" | "ifName">,
    tools: PluginTools,
  ): Promise<PreparedPort>;
  /** Restores its rules of an attached pod after somebody removed them. */
  restore?(call: PluginCall, result: AddResult, tools: PluginTools): void;
  /**
   * GC: for all of a network's pods except these, removes what this daemon created and nobody else would
   * remove.
   */
  collect?(network: string, valid: readonly Attached[], tools: PluginTools): Promise<void>;
  /** DEL, possibly at any time and more than once. `result`: that of the whole ADD, if it is known. */
  delete(call: PluginCall, result: AddResult | undefined, tools: PluginTools): Promise<readonly LeftLink[]>;
};
