import {
  type ContainerConfig,
  type LinuxContainerResources,
  type Mount,
  NamespaceMode,
  type PodSandboxConfig,
} from "../../ground/protocol/index.ts";
import { namesInAnnotations } from "../../parts/cdi/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { EngineError } from "../engine/index.ts";
import { isSwapLimit, swapFile } from "./docker-resources.ts";
import type { EngineAbilities } from "./engine-abilities.ts";

/**
 * Throws EngineError Unimplemented for the first field that is set although Docker's API cannot express it.
 */
function refuseUnsupported(asked: ReadonlyMap<string, boolean>): void {
  for (const [field, isSet] of asked) {
    if (isSet) {
      throw new EngineError(
        "Unimplemented",
        `${field} is not supported with the Docker engine: Docker's API has no equivalent; use engine.name = "native", or leave it out`,
      );
    }
  }
}

export function refuseInSandbox({ linux }: PodSandboxConfig): void {
  const security = linux?.securityContext;
  refuseUnsupported(
    new Map([
      [
        "linux.security_context.namespace_options.userns_options",
        security?.namespaceOptions?.usernsOptions?.mode === NamespaceMode.POD,
      ],
      ["linux.security_context.seccomp.oci_ref", (security?.seccomp?.ociRef ?? "") !== ""],
    ]),
  );
}

/** `asked` is what the container was created with: fields that repeat its value do not count as set. */
export function refuseInUpdate(
  resources: LinuxContainerResources,
  asked: LinuxContainerResources | undefined,
): void {
  const { oomScoreAdj } = resources;
  refuseInResources(resources);
  refuseUnsupported(
    new Map([["resources.oom_score_adj", oomScoreAdj !== 0n && oomScoreAdj !== (asked?.oomScoreAdj ?? 0n)]]),
  );
}

function refuseInResources({ hugepageLimits, unified }: LinuxContainerResources): void {
  refuseUnsupported(
    new Map([
      // Kubelets send a limit of zero for every page size.
      ["resources.hugepage_limits", hugepageLimits.some(({ limit }) => limit > 0n)],
      ["resources.unified", Object.entries(unified).some(([file, value]) => !isTaken(file, value))],
    ]),
  );
}

/**
 * Values that kubelets request with cgroup v2. The first is the kernel's default, which Docker's containers
 * have anyway.
 */
function isTaken(file: string, value: string): boolean {
  return file === "memory.oom.group" || (file === swapFile && isSwapLimit(value));
}

function isRelabelledWithColon({ selinuxRelabel, hostPath, containerPath }: Mount): boolean {
  return selinuxRelabel && `${hostPath}${containerPath}`.includes(":");
}

export function refuseInContainer(
  config: ContainerConfig,
  { client, hasSelinux, hasCdi }: EngineAbilities & { readonly client: Pick<DockerClient, "has"> },
): void {
  const security = config.linux?.securityContext;
  const { mounts } = config;
  if (config.linux?.resources !== undefined) refuseInResources(config.linux.resources);
  refuseUnsupported(
    new Map([
      [
        "linux.security_context.namespace_options.userns_options",
        security?.namespaceOptions?.usernsOptions?.mode === NamespaceMode.POD,
      ],
      ["linux.security_context.seccomp.oci_ref", (security?.seccomp?.ociRef ?? "") !== ""],
      [
        "linux.security_context.capabilities.add_ambient_capabilities",
        (security?.capabilities?.addAmbientCapabilities ?? []).length > 0,
      ],
      ["linux.security_context.cgroup_mount_mode", (security?.cgroupMountMode ?? 0) !== 0],
      ["mounts.uidMappings", mounts.some(({ uidMappings }) => uidMappings.length > 0)],
      ["mounts.gidMappings", mounts.some(({ gidMappings }) => gidMappings.length > 0)],
      ["mounts.mount_options", mounts.some(({ mountOptions }) => mountOptions.length > 0)],
      // Docker relabels only mounts in its older form, whose parts are separated by colons.
      [
        "mounts.selinux_relabel with SELinux, of a source or target with a colon",
        hasSelinux && mounts.some(isRelabelledWithColon),
      ],
      [
        "mounts.image with an engine older than 28.0 (API 1.48)",
        mounts.some(({ image }) => (image?.image ?? "") !== "") && !client.has("1.48"),
      ],
      [
        "mounts.recursive_read_only with an engine older than 25.0 (API 1.44)",
        mounts.some(({ recursiveReadOnly }) => recursiveReadOnly) && !client.has("1.44"),
      ],
      [
        "CDI_devices with an engine that has no CDI (before 25.0, or without features.cdi in daemon.json)",
        config.CDIDevices.length > 0 && !hasCdi,
      ],
      [
        "annotations of cdi.k8s.io with an engine that has no CDI (before 25.0, or without features.cdi in daemon.json)",
        namesInAnnotations(config.annotations).length > 0 && !hasCdi,
      ],
    ]),
  );
}
