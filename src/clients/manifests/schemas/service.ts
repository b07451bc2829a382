import { isIPv4 } from "node:net";
import { foreignName, portName } from "../names.ts";
import type { Place } from "../place.ts";
import {
  boolean,
  checked,
  integer,
  intOrString,
  list,
  mapOf,
  object,
  oneOf,
  type Read,
  string,
  text,
  unique,
} from "../schema.ts";

const portNumber = integer(1, 65_535);
/** As clusters have them unless they say otherwise; the machine's own servers have others. */
export const nodePorts = { first: 30_000, last: 32_767 };

const servicePort = object(
  { port: portNumber },
  {
    name: portName,
    protocol: oneOf("TCP", "UDP", "SCTP"),
    targetPort: intOrString,
    nodePort: integer(nodePorts.first, nodePorts.last),
  },
  ["appProtocol"],
);
export type ServicePort = Read<typeof servicePort>;

/** What Kubernetes refuses too. */
function checkService(spec: Fields, place: Place): void {
  checkPorts(spec, place);
  const { type, externalName = "", clusterIP = "" } = spec;
  if (type !== "ExternalName") return;
  if (externalName === "") place.at("externalName").error("is required for the type ExternalName");
  if (clusterIP !== "") place.at("clusterIP").error("may not be there for the type ExternalName");
}

function checkPorts({ type, ports = [] }: Fields, place: Place): void {
  const seen = new Set<string>();
  for (const [index, { name, port, protocol = "TCP", nodePort }] of ports.entries()) {
    const at = place.at("ports").at(index);
    if (name === undefined && ports.length > 1) at.at("name").error("is required where there are several");
    if (seen.has(`${port}/${protocol}`)) at.at("port").error(`${port}/${protocol} is there twice`);
    seen.add(`${port}/${protocol}`);
    if (nodePort === undefined) continue;
    if (type !== "NodePort" && type !== "LoadBalancer")
      at.at("nodePort").error("may be there for the types NodePort and LoadBalancer alone");
    if (seen.has(`node ${nodePort}/${protocol}`))
      at.at("nodePort").error(`${nodePort}/${protocol} is there twice`);
    seen.add(`node ${nodePort}/${protocol}`);
  }
}

/** An empty one is none. */
const clusterIp = text((value) =>
  value === "" || value === "None" || isIPv4(value) ? undefined : "must be None or an IPv4 address",
);

const fields = object(
  {},
  {
    selector: mapOf(string),
    ports: checked(
      list(servicePort),
      unique("name", ({ name }) => name),
    ),
    type: oneOf("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    externalName: foreignName,
    clusterIP: clusterIp,
    publishNotReadyAddresses: boolean,
    sessionAffinity: oneOf("ClientIP", "None"),
  },
  [
    "allocateLoadBalancerNodePorts",
    "clusterIPs",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "sessionAffinityConfig",
    "trafficDistribution",
  ],
);
type Fields = Read<typeof fields>;

export const serviceSpec = checked(fields, checkService);
export type ServiceSpec = Read<typeof serviceSpec>;
