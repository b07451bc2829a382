import {
  type PortMapping as CriPortMapping,
  type PodSandboxConfig,
  Protocol,
} from "../../ground/protocol/index.ts";
import { quantityValue } from "../../ground/quantity/index.ts";
import type { PodAttachment, PortMapping } from "../../services/network/index.ts";
import { EngineError } from "../engine/index.ts";

/** The parameters for attaching a pod. Throws EngineError InvalidArgument for invalid annotations. */
export function podAttachment(sandboxId: string, config: PodSandboxConfig, netnsPath: string): PodAttachment {
  const bandwidth = podBandwidth(config.annotations);
  return {
    ...podToDetach(sandboxId, config, netnsPath),
    ...(bandwidth === undefined ? {} : { bandwidth }),
  };
}

/** The parameters for detaching a pod whose attachment record was lost. DEL does not need its bandwidth. */
export function podToDetach(sandboxId: string, config: PodSandboxConfig, netnsPath: string): PodAttachment {
  return {
    sandboxId,
    netnsPath,
    podName: config.metadata?.name ?? "",
    podNamespace: config.metadata?.namespace ?? "",
    podUid: config.metadata?.uid ?? "",
    annotations: config.annotations,
    cgroupPath: config.linux?.cgroupParent ?? "",
    portMappings: config.portMappings.filter((mapping) => mapping.hostPort > 0).map(portMapping),
    dns: {
      servers: config.dnsConfig?.servers ?? [],
      searches: config.dnsConfig?.searches ?? [],
      options: config.dnsConfig?.options ?? [],
    },
  };
}

function portMapping(mapping: CriPortMapping): PortMapping {
  const protocol =
    mapping.protocol === Protocol.UDP ? "udp" : mapping.protocol === Protocol.SCTP ? "sctp" : "tcp";
  const { hostPort, containerPort, hostIp } = mapping;
  return { hostPort, containerPort, protocol, ...(hostIp === "" ? {} : { hostIp }) };
}

const ingressKey = "kubernetes.io/ingress-bandwidth";
const egressKey = "kubernetes.io/egress-bandwidth";

function podBandwidth(annotations: Readonly<Record<string, string>>): PodAttachment["bandwidth"] {
  const ingress = annotations[ingressKey];
  const egress = annotations[egressKey];
  if (ingress === undefined && egress === undefined) return undefined;
  return {
    ...(ingress === undefined ? {} : { ingressRate: parseRate(ingressKey, ingress) }),
    ...(egress === undefined ? {} : { egressRate: parseRate(egressKey, egress) }),
  };
}

/** Parses a rate in bits per second. Throws EngineError InvalidArgument, naming the annotation. */
function parseRate(annotation: string, text: string): number {
  const rate = quantityValue(text.trim());
  if (rate !== undefined && rate >= 0 && Number.isFinite(rate)) return Math.round(rate);
  throw new EngineError(
    "InvalidArgument",
    `${annotation}: ${JSON.stringify(text)} is not a quantity; write a number such as 10M or 512Ki`,
  );
}
