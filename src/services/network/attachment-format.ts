import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import type { AttachedNetwork, Attachment, Maker } from "./attachment.ts";
import type { PodAttachment, PortMapping } from "./network.ts";
import { parseNetworkConfig } from "./network-config.ts";

/**
 * Parses the file of a sandbox's attachment. This program wrote it, but a power failure may have truncated
 * it, a disk may have corrupted it, or somebody may have edited it or replaced it with another pod's. So
 * plugins get only what was checked here: otherwise they might remove another pod's interface. Throws an
 * Error that says which part is wrong.
 */
export function parseAttachment(text: string, sandboxId: string): Attachment {
  const [first = "", second, ...rest] = text.split("\n");
  const value: unknown = JSON.parse(first);
  if (!isRecord(value)) throw new Error("it is not a valid attachment");
  const networks = listOf(value.networks, "networks").map(networkOf);
  if (networks.length === 0 && value.givenUp !== true) throw wrong("networks");
  // Without its end, the daemon ended while it was being written: ADD was in progress.
  const [only] = second === undefined || rest.length === 0 ? [] : networks;
  return {
    pod: podOf(value.pod, sandboxId),
    networks: only === undefined ? networks : [{ ...only, result: resultOf(second) }],
    ...(value.givenUp === true && { givenUp: true }),
  };
}

/** The result has a line of its own. */
function resultOf(line = ""): JsonObject {
  const { result } = recordOf(JSON.parse(line), "the result's line");
  return recordOf(result, "result");
}

function networkOf(value: unknown, index: number): AttachedNetwork {
  const network = recordOf(value, "networks");
  // In files of older versions, programs made everything.
  const { ifName, madeBy = "programs", config, result } = network;
  if (ifName !== `eth${index}`) throw wrong("networks.ifName");
  return {
    ifName,
    madeBy: makerOf(madeBy),
    config: parseNetworkConfig(JSON.stringify(config)),
    result: result === undefined ? undefined : recordOf(result, "networks.result"),
  };
}

function makerOf(value: unknown): Maker {
  if (value === "programs" || value === "berth" || value === "unknown") return value;
  throw wrong("networks.madeBy");
}

function podOf(value: unknown, sandboxId: string): PodAttachment {
  const pod = recordOf(value, "pod");
  if (pod.sandboxId !== sandboxId) throw wrong("pod.sandboxId");
  const { netnsPath, podName, podNamespace, podUid, cgroupPath, bandwidth } = pod;
  const dns = recordOf(pod.dns, "pod.dns");
  return {
    sandboxId,
    netnsPath: namespaceOf(netnsPath, sandboxId),
    podName: textOf(podName, "pod.podName"),
    podNamespace: textOf(podNamespace, "pod.podNamespace"),
    podUid: textOf(podUid, "pod.podUid"),
    annotations: textsByName(pod.annotations, "pod.annotations"),
    cgroupPath: textOf(cgroupPath, "pod.cgroupPath"),
    portMappings: listOf(pod.portMappings, "pod.portMappings").map(portMappingOf),
    dns: {
      servers: textsOf(dns.servers, "pod.dns.servers"),
      searches: textsOf(dns.searches, "pod.dns.searches"),
      options: textsOf(dns.options, "pod.dns.options"),
    },
    ...(bandwidth !== undefined && { bandwidth: bandwidthOf(bandwidth) }),
  };
}

/** Each sandbox's namespaces are in a directory named after it; the path is empty if they were lost. */
function namespaceOf(value: unknown, sandboxId: string): string {
  const path = textOf(value, "pod.netnsPath");
  if (path === "" || path.includes(sandboxId)) return path;
  throw wrong("pod.netnsPath");
}

function portMappingOf(value: unknown): PortMapping {
  const { hostPort, containerPort, protocol, hostIp } = recordOf(value, "pod.portMappings");
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")
    throw wrong("pod.portMappings.protocol");
  return {
    hostPort: numberOf(hostPort, "pod.portMappings.hostPort"),
    containerPort: numberOf(containerPort, "pod.portMappings.containerPort"),
    protocol,
    ...(hostIp !== undefined && { hostIp: textOf(hostIp, "pod.portMappings.hostIp") }),
  };
}

function bandwidthOf(value: unknown): NonNullable<PodAttachment["bandwidth"]> {
  const { ingressRate, egressRate } = recordOf(value, "pod.bandwidth");
  return {
    ...(ingressRate !== undefined && { ingressRate: numberOf(ingressRate, "pod.bandwidth.ingressRate") }),
    ...(egressRate !== undefined && { egressRate: numberOf(egressRate, "pod.bandwidth.egressRate") }),
  };
}

function textsByName(value: unknown, path: string): Readonly<Record<string, string>> {
  const entries = Object.entries(recordOf(value, path));
  return Object.fromEntries(entries.map(([name, text]) => [name, textOf(text, path)]));
}

function textsOf(value: unknown, path: string): readonly string[] {
  return listOf(value, path).map((text) => textOf(text, path));
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(path);
}

function recordOf(value: unknown, path: string): JsonObject {
  if (isRecord(value)) return value;
  throw wrong(path);
}

function textOf(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  throw wrong(path);
}

function numberOf(value: unknown, path: string): number {
  if (typeof value === "number") return value;
  throw wrong(path);
}

function wrong(path: string): Error {
  return new Error(`"${path}" is wrong`);
}
