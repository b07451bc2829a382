import type { PodStatus } from "../../podlife/index.ts";
import type { Service } from "../../servicenet/index.ts";
import type { StoredPod } from "../objects.ts";
import { familiesOf, familyOf, type IpFamily } from "./ip-families.ts";
import { portKey, type StoredService, statusOf } from "./service-addresses.ts";

type Member = { readonly pod: StoredPod; readonly status: PodStatus };

/** A service with its current endpoints. */
export function servedService(
  service: StoredService,
  pods: readonly StoredPod[],
  podStatus: (pod: StoredPod) => PodStatus | undefined,
): Service {
  const { metadata, spec } = service.manifest;
  const { clusterIPs = [], nodePorts } = statusOf(service);
  const families = familiesOf(spec);
  const alsoUnready = spec.publishNotReadyAddresses === true;
  const serving = pods
    .filter((pod) => isSelected(pod, service))
    .flatMap((pod): readonly Member[] => {
      const status = podStatus(pod);
      return status !== undefined && isServed(status, alsoUnready) ? [{ pod, status }] : [];
    });
  const members = serving.filter(({ pod }) => pod.deleting === undefined || alsoUnready);
  // As in kube-proxy, pods that are being deleted but still ready get requests only if there are no others.
  const backends = members.length > 0 ? members : serving;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    addresses: clusterIPs,
    ...(spec.type === "ExternalName" && spec.externalName !== undefined && { alias: spec.externalName }),
    sticky: spec.sessionAffinity === "ClientIP",
    ports: (spec.ports ?? []).map((port) => {
      const nodePort = nodePorts?.[portKey(port)];
      return {
        ...(port.name === undefined ? {} : { name: port.name }),
        protocol: port.protocol ?? "TCP",
        port: port.port,
        ...(nodePort === undefined ? {} : { nodePort }),
        endpoints: backends.flatMap((member) => endpointsOf(member, families, port)),
      };
    }),
    members: members.flatMap(({ pod: { manifest }, status }) =>
      ipsOf(status, families).map((ip) => ({ ip, ...hostnameOf(manifest.spec, metadata.name) })),
    ),
  };
}

/** Whether a pod matches. Without a selector, none does: there is no API for endpoints. */
function isSelected({ manifest: { metadata } }: StoredPod, { manifest }: StoredService): boolean {
  const selector = Object.entries(manifest.spec.selector ?? {});
  return (
    selector.length > 0 &&
    metadata.namespace === manifest.metadata.namespace &&
    selector.every(([key, value]) => metadata.labels[key] === value)
  );
}

function isServed({ phase, podIPs, conditions }: PodStatus, alsoUnready: boolean): boolean {
  if (podIPs.length === 0 || phase === "Succeeded" || phase === "Failed") return false;
  return alsoUnready || conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

/** The pod's first address of each family. */
function ipsOf({ podIPs }: PodStatus, families: readonly IpFamily[]): readonly string[] {
  return families.flatMap((family) => podIPs.find(({ ip }) => familyOf(ip) === family)?.ip ?? []);
}

function endpointsOf(
  { pod, status }: Member,
  families: readonly IpFamily[],
  {
    port,
    targetPort = port,
    protocol = "TCP",
  }: NonNullable<StoredService["manifest"]["spec"]["ports"]>[number],
): Service["ports"][number]["endpoints"] {
  const { containers, initContainers = [] } = pod.manifest.spec;
  const number =
    typeof targetPort === "number"
      ? targetPort
      : [...containers, ...initContainers]
          .flatMap(({ ports = [] }) => ports)
          .find((one) => one.name === targetPort && (one.protocol ?? "TCP") === protocol)?.containerPort;
  return number === undefined ? [] : ipsOf(status, families).map((ip) => ({ ip, port: number }));
}

function hostnameOf(
  { hostname, subdomain }: StoredPod["manifest"]["spec"],
  service: string,
): { readonly hostname?: string } {
  return hostname !== undefined && subdomain === service ? { hostname } : {};
}
