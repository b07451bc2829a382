import { portName } from "../names.ts";
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
  unique,
} from "../schema.ts";

const portNumber = integer(1, 65_535);

const servicePort = object(
  { port: portNumber },
  {
    name: portName,
    protocol: oneOf("TCP", "UDP", "SCTP"),
    targetPort: intOrString,
    nodePort: portNumber,
  },
  ["appProtocol"],
);
export type ServicePort = Read<typeof servicePort>;

export const serviceSpec = object(
  {},
  {
    selector: mapOf(string),
    ports: checked(
      list(servicePort),
      unique("name", ({ name }) => name),
    ),
    type: oneOf("ClusterIP", "NodePort", "LoadBalancer"),
    clusterIP: string,
    publishNotReadyAddresses: boolean,
    sessionAffinity: oneOf("ClientIP", "None"),
  },
  [
    "allocateLoadBalancerNodePorts",
    "clusterIPs",
    "externalIPs",
    "externalName",
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
export type ServiceSpec = Read<typeof serviceSpec>;
