import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import type { PodAttachment } from "./network.ts";
import type { PluginConfig } from "./network-config.ts";
import { NetworkError } from "./network-error.ts";

/**
 * The plugin bandwidth needs a burst with each rate, which Kubernetes does not specify: how much may pass at
 * once after a pause. A tenth of a second is little compared to the rate, and 64 KiB is more than any packet.
 * The plugin rejects more than the maximum.
 */
const [burstSeconds, leastBurstBits, mostBurstBits] = [0.1, 64 * 1024 * 8, 2 ** 32 - 1];

/**
 * CNI_ARGS as every Kubernetes runtime sends them; IgnoreUnknown lets plugins ignore those that they do not
 * know. Throws NetworkError InvalidArgument for a value that would be parsed as further arguments.
 */
export function cniArgs(pod: PodAttachment): string {
  const args = {
    IgnoreUnknown: "1",
    K8S_POD_NAMESPACE: pod.podNamespace,
    K8S_POD_NAME: pod.podName,
    K8S_POD_INFRA_CONTAINER_ID: pod.sandboxId,
    K8S_POD_UID: pod.podUid,
  };
  for (const [name, value] of Object.entries(args)) {
    if (/[;=\0]/.test(value))
      throw new NetworkError("InvalidArgument", `${name} is ${JSON.stringify(value)}`);
  }
  return Object.entries(args)
    .map(([name, value]) => `${name}=${value}`)
    .join(";");
}

/**
 * The capability arguments of a pod by CNI's conventions (CONVENTIONS.md, "Well-known Capabilities"); each
 * plugin gets those that it declares. What a pod does not request is left out.
 */
export function capabilityArgs(pod: PodAttachment): JsonObject {
  const portMappings = pod.portMappings.filter(({ hostPort }) => hostPort > 0);
  const { servers, searches, options } = pod.dns;
  return {
    ...(portMappings.length > 0 && { portMappings: portMappings.map(portMapping) }),
    ...(pod.bandwidth && { bandwidth: bandwidth(pod.bandwidth) }),
    ...(servers.length + searches.length + options.length > 0 && { dns: { servers, searches, options } }),
    ...(pod.cgroupPath !== "" && { cgroupPath: pod.cgroupPath }),
    "io.kubernetes.cri.pod-annotations": pod.annotations,
  };
}

function portMapping({
  hostPort,
  containerPort,
  protocol,
  hostIp,
}: PodAttachment["portMappings"][number]): JsonObject {
  return { hostPort, containerPort, protocol, ...(hostIp && { hostIP: hostIp }) };
}

function bandwidth({ ingressRate, egressRate }: NonNullable<PodAttachment["bandwidth"]>): JsonObject {
  return {
    ...(ingressRate && { ingressRate, ingressBurst: burstOf(ingressRate) }),
    ...(egressRate && { egressRate, egressBurst: burstOf(egressRate) }),
  };
}

function burstOf(rate: number): number {
  return Math.min(Math.max(Math.floor(rate * burstSeconds), leastBurstBits), mostBurstBits);
}

/** `runtimeConfig` with those of `args` that the plugin declares; undefined if there are none. */
export function runtimeConfig(plugin: PluginConfig, args: JsonObject): JsonObject | undefined {
  const declared = isRecord(plugin.capabilities) ? plugin.capabilities : {};
  const wanted = Object.entries(args).filter(
    ([name]) => Object.hasOwn(declared, name) && declared[name] === true,
  );
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted);
}
