import { constants } from "node:os";
import { signalNumber } from "../../ground/linux/index.ts";
import { type ContainerConfig, LinuxContainerResources } from "../../ground/protocol/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import type { Container } from "../engine/index.ts";

/**
 * The user that a container will run as, from its configuration. A user from the image is known only once it
 * has started.
 */
export function requestedUser({ linux }: ContainerConfig): Container["user"] {
  const { runAsUser, runAsGroup, supplementalGroups = [] } = linux?.securityContext ?? {};
  return {
    uid: Number(runAsUser?.value ?? 0n),
    gid: Number(runAsGroup?.value ?? 0n),
    supplementalGroups: supplementalGroups.map(Number),
  };
}

/** The stop signal of the container or its image, which Docker has merged. */
export function signalOf({ Config }: ContainerDetails): number {
  return signalNumber(Config.StopSignal ?? "") ?? constants.signals.SIGTERM;
}

/** The requested resources, with the changes of later updates. */
export function resourcesOf(
  { linux }: ContainerConfig,
  { HostConfig: host }: ContainerDetails,
): LinuxContainerResources | undefined {
  const asked = linux?.resources;
  const told = {
    cpuShares: BigInt(host.CpuShares ?? 0),
    cpuPeriod: BigInt(host.CpuPeriod ?? 0),
    cpuQuota: BigInt(host.CpuQuota ?? 0),
    cpusetCpus: host.CpusetCpus ?? "",
    cpusetMems: host.CpusetMems ?? "",
    memoryLimitInBytes: BigInt(host.Memory ?? 0),
    memorySwapLimitInBytes: BigInt(host.MemorySwap ?? 0),
  };
  const isLimited = Object.values(told).some((value) => value !== 0n && value !== "");
  if (asked === undefined && !isLimited) return undefined;
  return LinuxContainerResources.fromPartial({ ...asked, ...told });
}
