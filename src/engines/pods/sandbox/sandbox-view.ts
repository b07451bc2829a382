import { LinuxPodSandboxConfig, type PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { Sandbox } from "../../engine/index.ts";
import { namespaceOptions } from "../../podnetwork/index.ts";
import type { SandboxRecord } from "../records/records.ts";

/**
 * A sandbox as the engine shows it. One that is being created, or whose interrupted creation could not be
 * undone, is not ready.
 */
export function sandboxView(record: SandboxRecord): Sandbox {
  return {
    id: record.id,
    config: record.config,
    handler: record.handler,
    createdAtNs: record.createdAtNs,
    state: record.phase === "ready" ? "ready" : "notReady",
    ips: record.phase === "ready" ? record.ips : [],
    namespaces: namespaceOptions(record.config),
  };
}

/**
 * The pod's configuration with the resources of later updates. They are information for the pod's
 * surroundings (virtual machines, hooks and node agents read them as annotations) and are not enforced: the
 * pod's cgroup belongs to its client, and a kubelet's sum leaves out containers without limits, which must
 * not be limited.
 */
export function currentConfig({ config, resources }: SandboxRecord): PodSandboxConfig {
  if (resources === undefined) return config;
  return { ...config, linux: LinuxPodSandboxConfig.fromPartial({ ...config.linux, ...resources }) };
}
