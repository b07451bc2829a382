import { isRecord, type JsonObject } from "../../../ground/json/index.ts";
import type { BuiltinPlugin } from "./plugin.ts";
import { PluginFailure } from "./plugin-failure.ts";

const keys = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"];

/** Has nothing to do for pods without limits; others are the program's, which knows traffic control. */
export const bandwidthPlugin: BuiltinPlugin = {
  keys,
  obstacle: (config) => limitOf(config, "is set"),
  podObstacle: ({ bandwidth }) =>
    isRecord(bandwidth) ? limitOf(bandwidth, "is asked for by the pod") : undefined,
  add: async (_, previous) => {
    if (previous === undefined) throw new PluginFailure("must be called as chained plugin");
    return previous;
  },
  delete: async () => [],
};

function limitOf(limits: JsonObject, what: string): string | undefined {
  const set = keys.find((key) => limits[key] !== undefined && limits[key] !== 0);
  return set === undefined ? undefined : `"${set}" ${what}`;
}
