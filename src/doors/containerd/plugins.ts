import type { containerd } from "../../ground/protocol/index.ts";
import type { Platform } from "../../parts/oci/index.ts";
import { policyNames } from "../../services/restarts/index.ts";
import { canRemap, remapCapability, snapshotterKinds } from "../../services/snapshots/index.ts";

export type Plugin = containerd.introspectionV1.Plugin;

/**
 * Lists berth's parts as containerd's plugins, with containerd's types and ids. Clients look there for
 * snapshotters and other features. `services` are the ids of the gRPC services that are served.
 */
export function plugins(
  services: readonly string[],
  { os, architecture, variant = "" }: Platform,
): readonly Plugin[] {
  const platform = { os, architecture, variant, osVersion: "", osFeatures: [] };
  const plugin = (type: string, id: string, more: Partial<Plugin> = {}): Plugin => ({
    type: `io.containerd.${type}`,
    id,
    requires: [],
    platforms: [],
    exports: {},
    capabilities: [],
    initErr: undefined,
    ...more,
  });
  return [
    plugin("content.v1", "content"),
    ...snapshotterKinds.toSorted().map((kind) => {
      const capabilities = canRemap(kind) ? [remapCapability] : [];
      return plugin("snapshotter.v1", kind, { platforms: [platform], capabilities });
    }),
    plugin("differ.v1", "walking", { platforms: [platform] }),
    plugin("runtime.v2", "task", { platforms: [platform] }),
    plugin("gc.v1", "scheduler"),
    plugin("monitor.container.v1", "restart", { capabilities: [...policyNames] }),
    plugin("grpc.v1", "healthcheck"),
    ...services.map((id) => plugin("grpc.v1", id)),
  ];
}
