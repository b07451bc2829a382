import type { ContainerPort, PodSpec } from "../../manifests/index.ts";
import { podRequests, qosClass } from "../../podspec/index.ts";
import type { Node } from "./node.ts";
import { suits } from "./node-affinity.ts";

/** Which resources the node is short of. */
export type Pressure = { readonly memory: boolean; readonly disk: boolean };

/**
 * Why a pod does not fit on the node beside others, with the text of Kubernetes' scheduler
 * (pkg/scheduler/framework/plugins: the first refusal of TaintToleration, NodeAffinity, NodePorts and
 * NodeResourcesFit); undefined if it fits.
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
  // Pods with requests are admitted to a node that is short of memory, because of their toleration.
  if (disk || (memory && qosClass(spec) === "BestEffort")) return ["node(s) had untolerated taint(s)"];
  if (!suits(spec, node.labels)) return ["node(s) didn't match Pod's node affinity/selector"];
  const taken = others.flatMap(hostPorts);
  if (hostPorts(spec).some((port) => taken.some((other) => clash(port, other))))
    return ["node(s) didn't have free ports for the requested pod ports"];
  return lacking(spec, others, node)
    .map((name) => `Insufficient ${name}`)
    .sort();
}

/** The requested resources that are not available; resources that are not counted here always are. */
function lacking(spec: PodSpec, others: readonly PodSpec[], { allocatable }: Node): readonly string[] {
  const inUse = others.map(podRequests);
  return Object.entries(podRequests(spec)).flatMap(([name, asked]) => {
    const there = allocatable[name] ?? (name.startsWith("hugepages-") ? 0 : undefined);
    if (there === undefined || asked === 0) return [];
    const used = inUse.reduce((sum, one) => sum + (one[name] ?? 0), 0);
    // Calculated in thousandths of a core, or bytes: sums of fractions are not exact.
    const unit = name === "cpu" ? 1000 : 1;
    return Math.round((used + asked) * unit) > Math.floor(there * unit) ? [name] : [];
  });
}

type HostPort = { readonly ip: string; readonly port: number; readonly protocol: string };

/** The host ports that a pod occupies while it runs. */
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
