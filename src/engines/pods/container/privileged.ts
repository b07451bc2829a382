import type { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { EngineError } from "../../engine/index.ts";

/**
 * Throws EngineError InvalidArgument for a privileged container, unless one of these configurations of its
 * pod is privileged. A kubelet sends the pod's configuration with each container, and one that was added
 * later (`kubectl debug --profile=sysadmin`) makes it privileged, whatever the sandbox was created with. As
 * in containerd and CRI-O, that suffices: a sandbox holds namespaces, and nothing in them is hidden from an
 * unconfined container.
 */
export function requirePrivileged(
  { metadata, linux }: ContainerConfig,
  sandboxConfigs: readonly PodSandboxConfig[],
): void {
  if (!linux?.securityContext?.privileged) return;
  if (sandboxConfigs.some((config) => config.linux?.securityContext?.privileged)) return;
  throw new EngineError(
    "InvalidArgument",
    `container ${JSON.stringify(metadata?.name)}: it is privileged, but neither the pod sandbox nor sandbox_config is; set linux.security_context.privileged in sandbox_config`,
  );
}
