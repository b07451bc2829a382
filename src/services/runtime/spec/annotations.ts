import type { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import type { ContainerSpecInput } from "./input.ts";
import { type AnnotationRules, passedOfContainer, passedOfPod } from "./passed-annotations.ts";

type Input = Pick<
  ContainerSpecInput,
  "config" | "sandboxConfig" | "sandbox" | "imageName" | "annotationRules"
>;

/**
 * The annotations that the handler passes on from the pod and the container, overridden by those by which OCI
 * runtimes, hooks and node agents identify a container; these have containerd's names.
 */
export function containerAnnotations({
  config,
  sandboxConfig,
  sandbox,
  imageName,
  annotationRules,
}: Input): Readonly<Record<string, string>> {
  return {
    ...passedOfPod(sandboxConfig.annotations, annotationRules),
    ...passedOfContainer(config.annotations, annotationRules),
    ...noSubgroup,
    ...sandboxIdentity(sandbox.id, sandboxConfig.metadata),
    ...sandboxSize(sandboxConfig.linux?.resources),
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": config.metadata?.name ?? "",
    "io.kubernetes.cri.image-name": imageName,
  };
}

/** The same for the pause process, which holds a pod's shared PID namespace. */
export function pauseAnnotations(
  sandboxId: string,
  sandboxConfig: Input["sandboxConfig"],
  annotationRules: AnnotationRules,
): Readonly<Record<string, string>> {
  return {
    ...passedOfPod(sandboxConfig.annotations, annotationRules),
    ...sandboxIdentity(sandboxId, sandboxConfig.metadata),
    ...sandboxSize(sandboxConfig.linux?.resources),
    "io.kubernetes.cri.container-type": "sandbox",
    "io.kubernetes.cri.sandbox-log-directory": sandboxConfig.logDirectory,
  };
}

/**
 * crun puts processes into a subgroup `container` of a systemd scope, as systemd recommends to programs that
 * manage cgroups of their own. Programs that read a container's figures and events look at the scope, where
 * runc has the processes: conmon would not notice there that memory ran out.
 */
const noSubgroup = { "run.oci.systemd.subgroup": "" };

function sandboxIdentity(
  id: string,
  metadata: Input["sandboxConfig"]["metadata"],
): Readonly<Record<string, string>> {
  return {
    "io.kubernetes.cri.sandbox-id": id,
    "io.kubernetes.cri.sandbox-name": metadata?.name ?? "",
    "io.kubernetes.cri.sandbox-namespace": metadata?.namespace ?? "",
    "io.kubernetes.cri.sandbox-uid": metadata?.uid ?? "",
  };
}

/** The sum of the pod's containers, by which OCI runtimes that create virtual machines size them. */
function sandboxSize(resources: LinuxContainerResources | undefined): Readonly<Record<string, string>> {
  if (resources === undefined) return {};
  const { cpuPeriod, cpuQuota, cpuShares, memoryLimitInBytes } = resources;
  return {
    "io.kubernetes.cri.sandbox-cpu-period": `${cpuPeriod}`,
    "io.kubernetes.cri.sandbox-cpu-quota": `${cpuQuota}`,
    "io.kubernetes.cri.sandbox-cpu-shares": `${cpuShares}`,
    "io.kubernetes.cri.sandbox-memory": `${memoryLimitInBytes}`,
  };
}
