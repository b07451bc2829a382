import { LinuxPodSandboxConfig, type PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { SandboxRecord } from "../records/records.ts";

/**
 * The pod's configuration with the resources of later updates. They size what surrounds the pod (virtual
 * machines, hooks, node agents read them as annotations) and limit nothing themselves: the pod's cgroup is
 * its client's, and a kubelet's sum leaves out containers without limits, whom it must not limit.
 */
export function currentConfig({ config, resources }: SandboxRecord): PodSandboxConfig {
  if (resources === undefined) return config;
  return { ...config, linux: LinuxPodSandboxConfig.fromPartial({ ...config.linux, ...resources }) };
}
