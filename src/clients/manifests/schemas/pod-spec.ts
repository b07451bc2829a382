import { ipAddress } from "../ip-address.ts";
import { dnsLabel } from "../names.ts";
import { quantity } from "../quantity.ts";
import {
  boolean,
  checked,
  filled,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  type Read,
  string,
} from "../schema.ts";
import { container, ephemeralContainer, resourceRequirements } from "./container.ts";
import { podSecurityContext } from "./security.ts";
import { volume } from "./volumes.ts";

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec */
export const rawPodSpec = object(
  { containers: filled(container) },
  {
    initContainers: list(container),
    ephemeralContainers: list(ephemeralContainer),
    volumes: list(volume),
    restartPolicy: oneOf("Always", "OnFailure", "Never"),
    activeDeadlineSeconds: integer(1),
    terminationGracePeriodSeconds: integer(0),
    dnsConfig: object(
      {},
      {
        nameservers: checked(list(ipAddress()), (servers, place) => {
          if (servers.length > 3) place.error("may have three");
        }),
        searches: list(string),
        options: list(object({ name: string }, { value: string })),
      },
    ),
    dnsPolicy: oneOf("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    enableServiceLinks: boolean,
    hostAliases: list(object({ ip: ipAddress() }, { hostnames: list(string) })),
    hostIPC: boolean,
    hostNetwork: boolean,
    hostPID: boolean,
    hostUsers: boolean,
    hostname: dnsLabel,
    hostnameOverride: string,
    imagePullSecrets: list(object({ name: string }, {})),
    resources: resourceRequirements,
    nodeSelector: mapOf(string),
    overhead: mapOf(quantity),
    priority: integer(-2_147_483_648, 2_147_483_647),
    runtimeClassName: string,
    securityContext: podSecurityContext,
    setHostnameAsFQDN: boolean,
    shareProcessNamespace: boolean,
    subdomain: dnsLabel,
    readinessGates: list(object({ conditionType: string }, {})),
  },
  [
    "affinity",
    "automountServiceAccountToken",
    "evictionResponders",
    "nodeName",
    "os",
    "preemptionPolicy",
    "priorityClassName",
    "resourceClaims",
    "schedulerName",
    "schedulingGates",
    "schedulingGroup",
    "serviceAccount",
    "serviceAccountName",
    "tolerations",
    "topologySpreadConstraints",
  ],
);
export type PodSpec = Read<typeof rawPodSpec>;
