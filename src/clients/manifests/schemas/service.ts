import { isIPv4 } from "node:net";
import { ipAddress } from "../ip-address.ts";
import { dnsLabel, foreignName, portOrName } from "../names.ts";
import type { Place } from "../place.ts";
import { boolean, checked, integer, list, object, oneOf, type Read, unique } from "../schema.ts";
import { labels } from "./metadata.ts";

const portNumber = integer(1, 65_535);
/** The default range of clusters; the machine's own servers use other ports. */
export const nodePorts = { first: 30_000, last: 32_767 };

const servicePort = object(
  { port: portNumber },
  {
    name: dnsLabel,
    protocol: oneOf("TCP", "UDP", "SCTP"),
    targetPort: { ...portOrName, none: 0 },
    nodePort: { ...integer(nodePorts.first, nodePorts.last), none: 0 },
  },
  ["appProtocol"],
);
export type ServicePort = Read<typeof servicePort>;

/** Checks that Kubernetes makes, too. */
function checkService(spec: Fields, place: Place): void {
  checkPorts(spec, place);
  const { type, externalName = "", clusterIP = "", clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  if (type !== "ExternalName") {
    if ((spec.ports ?? []).length === 0 && clusterIP !== "None")
      place.at("ports").error("is required, unless clusterIP is None or the type ExternalName");
    checkAddresses(spec, place);
    if (clusterIP === "None" && type !== undefined && type !== "ClusterIP")
      place.at("clusterIP").error(`must not be None for type ${type}`);
    return;
  }
  if (externalName === "") place.at("externalName").error("is required for the type ExternalName");
  const refused = {
    clusterIP: clusterIP !== "",
    clusterIPs: clusterIPs.length > 0,
    ipFamilies: ipFamilies.length > 0,
    ipFamilyPolicy: ipFamilyPolicy !== undefined,
  };
  for (const [field, isThere] of Object.entries(refused))
    if (isThere) place.at(field).error("must not be set for type ExternalName");
}

/** At most one address of each family, in the order of the families. */
function checkAddresses(spec: Fields, place: Place): void {
  const { clusterIP = "", clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const [first, second] = clusterIPs;
  const at = place.at("clusterIPs");
  if (first !== undefined && clusterIP === "") at.error("must not be set without clusterIP");
  else if (first !== undefined && first !== clusterIP)
    at.at(0).error(`must be clusterIP, which is ${clusterIP}`);
  if (second !== undefined && clusterIPs.includes("None")) at.error("must not contain anything but None");
  else if (second !== undefined && familyOf(first ?? "") === familyOf(second))
    at.at(1).error("must have another IP family than the first");
  if (clusterIPs.length > 2) at.error("must have at most two addresses");
  if (new Set(ipFamilies).size < ipFamilies.length) place.at("ipFamilies").error("has a duplicate family");
  for (const [index, address] of (first === undefined ? [clusterIP] : clusterIPs).entries()) {
    const family = ipFamilies[index];
    if (address === "" || address === "None" || family === undefined || familyOf(address) === family)
      continue;
    const where = first === undefined ? place.at("clusterIP") : at.at(index);
    where.error(`must be of ${family}, as ipFamilies says`);
  }
  if (ipFamilyPolicy === "SingleStack" && Math.max(clusterIPs.length, ipFamilies.length) > 1)
    place.at("ipFamilyPolicy").error("must be PreferDualStack or RequireDualStack with two IP families");
}

function familyOf(address: string): "IPv4" | "IPv6" {
  return isIPv4(address) ? "IPv4" : "IPv6";
}

function checkPorts({ type, ports = [] }: Fields, place: Place): void {
  const seen = new Set<string>();
  for (const [index, { name, port, protocol = "TCP", nodePort }] of ports.entries()) {
    const at = place.at("ports").at(index);
    if (name === undefined && ports.length > 1) at.at("name").error("is required if there are several");
    if (seen.has(`${port}/${protocol}`)) at.at("port").error(`${port}/${protocol} is a duplicate`);
    seen.add(`${port}/${protocol}`);
    if (nodePort === undefined) continue;
    if (type !== "NodePort" && type !== "LoadBalancer")
      at.at("nodePort").error("must be set only for types NodePort and LoadBalancer");
    if (seen.has(`node ${nodePort}/${protocol}`))
      at.at("nodePort").error(`${nodePort}/${protocol} is a duplicate`);
    seen.add(`node ${nodePort}/${protocol}`);
  }
}

/** An address, "None" for a headless service, or "" for none requested. */
const clusterIp = ipAddress("", "None");

const fields = object(
  {},
  {
    selector: labels,
    ports: checked(
      list(servicePort),
      unique("name", ({ name }) => name),
    ),
    type: oneOf("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"),
    externalName: foreignName,
    clusterIP: clusterIp,
    clusterIPs: list(clusterIp),
    ipFamilies: list(oneOf("IPv4", "IPv6")),
    ipFamilyPolicy: oneOf("SingleStack", "PreferDualStack", "RequireDualStack"),
    publishNotReadyAddresses: boolean,
    sessionAffinity: oneOf("ClientIP", "None"),
  },
  [
    "allocateLoadBalancerNodePorts",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
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
