import type { LinuxContainerResources } from "../../../ground/protocol/index.ts";
import type { ContainerSpecInput } from "./input.ts";
import { type AnnotationRules, passedOfContainer, passedOfPod } from "./passed-annotations.ts";

type Input = Pick<
  ContainerSpecInput,
  "config" | "sandboxConfig" | "sandbox" | "imageName" | "annotationRules"
>;

/**
 * What the handler passes on of the pod's and the container's own annotations, and over these those by which
 * OCI runtimes, hooks and node agents know a container; their names are containerd's.
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

/** The same for the process that holds a pod's shared PID namespace. */
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
 * crun puts processes into a group `container` below a scope of systemd, as systemd advises to those that
 * manage groups of their own. Whoever looks for a container's figures and events looks at the scope, where
 * runc has the processes: conmon would not see there that memory ran out.
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

/** By which OCI runtimes that make virtual machines size them: the sum of the pod's containers. */
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
