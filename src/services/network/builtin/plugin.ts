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
  /** Where the namespace is found; empty where it is gone. */
  readonly netnsPath: string;
  /** What results call the namespace: the path that it is to be found at later. */
  readonly sandbox: string;
  /** What this plugin is told of the pod, by its capabilities. */
  readonly runtimeConfig: JsonObject;
  /** What {@link BuiltinPlugin.prepare} made of this plugin in the same namespace. */
  readonly prepared?: PreparedPort | undefined;
};

/**
 * A veth pair that was made ahead: its end on the host, which is a port of the bridge, and the pod's, in the
 * namespace that is found there.
 */
export type PreparedPort = { readonly host: LeftLink; readonly pod: PodLink; readonly netnsPath: string };

/** A link of which nothing changes any more while a pod is attached. */
export type PodLink = Pick<Link, "index" | "name" | "mac">;

/** What plugins work with. */
export type PluginTools = {
  /** Of the host's network namespace. */
  readonly route: NetlinkSocket;
  readonly rules: PacketRules;
  /** What tells this daemon's own links from those of others; the name of its table. */
  readonly mark: string;
  /** Called before each step with its name; fault tests end the process there. */
  readonly step: (name: string) => void;
};

/** What is still to be removed after DEL has been answered: a veth pair, by its end on the host. */
export type LeftLink = { readonly index: number; readonly name: string };

/** An interface of a pod that is attached. */
export type Attached = { readonly containerId: string; readonly ifName: string };

/** A type of plugins, done in process as the program of that name does it. */
export type BuiltinPlugin = {
  /** Keys of its configuration that are done, besides those that every plugin has. */
  readonly keys: readonly string[];
  /** Why a configuration whose keys are all known is left to the program; undefined when it is not. */
  obstacle(config: JsonObject): string | undefined;
  /** ADD. `previous`: the result of the plugins before it. Throws whatever fails; DEL follows then. */
  add(call: PluginCall, previous: AddResult | undefined, tools: PluginTools): Promise<AddResult>;
  /**
   * Makes ahead, in a network namespace that no pod has yet, what takes ADD longest there. It goes with the
   * namespace.
   */
  prepare?(
    config: JsonObject,
    place: Pick<PluginCall, "netnsPath" | "ifName">,
    tools: PluginTools,
  ): Promise<PreparedPort>;
  /** Makes its rules of an attached pod again, after somebody has removed them. */
  restore?(call: PluginCall, result: AddResult, tools: PluginTools): void;
  /** GC: removes what this daemon has made for a network's pods but these, and nobody else would remove. */
  collect?(network: string, valid: readonly Attached[], tools: PluginTools): Promise<void>;
  /** DEL, at any time and more than once. `result`: that of the whole ADD, where it is known. */
  delete(call: PluginCall, result: AddResult | undefined, tools: PluginTools): Promise<readonly LeftLink[]>;
};
