import type { ContainerPort, PodSpec } from "../../manifests/index.ts";
import { podRequests, qosClass } from "../../podspec/index.ts";
import type { Node } from "./node.ts";
import { suits } from "./node-affinity.ts";

/** What there is too little of on the node. */
export type Pressure = { readonly memory: boolean; readonly disk: boolean };

/**
 * Why a pod cannot be on the node beside others, in the words of Kubernetes' scheduler
 * (pkg/scheduler/framework/plugins: TaintToleration, NodeAffinity, NodePorts, NodeResourcesFit, of which the
 * first that refuses is told); undefined where it can.
 */
export function whyNotFit(
  spec: PodSpec,
  others: readonly PodSpec[],
  node: Node,
  pressure: Pressure = { memory: false, disk: false },
): string | undefined {
  const reasons = refusals(spec, others, node, pressure);
  if (reasons.length === 0) return undefined;
  return `0/1 nodes are available: ${reasons.map((one) => `1 ${one}`).join(", ")}.`;
}

function refusals(
  spec: PodSpec,
  others: readonly PodSpec[],
  node: Node,
  { memory, disk }: Pressure,
): readonly string[] {
  // Pods that ask for something are let onto a node with too little memory, as their toleration says.
  if (disk || (memory && qosClass(spec) === "BestEffort")) return ["node(s) had untolerated taint(s)"];
  if (!suits(spec, node.labels)) return ["node(s) didn't match Pod's node affinity/selector"];
  const taken = others.flatMap(hostPorts);
  if (hostPorts(spec).some((port) => taken.some((other) => clash(port, other))))
    return ["node(s) didn't have free ports for the requested pod ports"];
  return lacking(spec, others, node)
    .map((name) => `Insufficient ${name}`)
    .sort();
}

/** What is asked for and cannot be had; what nobody counts here can always be. */
function lacking(spec: PodSpec, others: readonly PodSpec[], { allocatable }: Node): readonly string[] {
  const inUse = others.map(podRequests);
  return Object.entries(podRequests(spec)).flatMap(([name, asked]) => {
    const there = allocatable[name] ?? (name.startsWith("hugepages-") ? 0 : undefined);
    if (there === undefined || asked === 0) return [];
    const used = inUse.reduce((sum, one) => sum + (one[name] ?? 0), 0);
    // Thousandths of a core, and bytes, are whole numbers: sums of fractions are not exact.
    const unit = name === "cpu" ? 1000 : 1;
    return Math.round((used + asked) * unit) > Math.floor(there * unit) ? [name] : [];
  });
}

type HostPort = { readonly ip: string; readonly port: number; readonly protocol: string };

/** Ports of the machine that a pod takes for as long as it runs. */
function hostPorts({ hostNetwork, containers, initContainers = [] }: PodSpec): readonly HostPort[] {
  const sidecars = initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .flatMap((port) => hostPortOf(port, hostNetwork === true));
}

function hostPortOf(port: ContainerPort, hostNetwork: boolean): readonly HostPort[] {
  const { hostPort = hostNetwork ? port.containerPort : 0, hostIP, protocol = "TCP" } = port;
  return hostPort === 0 ? [] : [{ ip: hostIP || anyAddress, port: hostPort, protocol }];
}

const anyAddress = "0.0.0.0";

function clash(one: HostPort, other: HostPort): boolean {
  if (one.port !== other.port || one.protocol !== other.protocol) return false;
  return one.ip === other.ip || one.ip === anyAddress || other.ip === anyAddress;
}
