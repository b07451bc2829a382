import { ipAddress } from "../ip-address.ts";
import { dnsLabel, dnsName, qualifiedName, searchDomain } from "../names.ts";
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
import { labels } from "./metadata.ts";
import { affinity } from "./node-affinity.ts";
import { podSecurityContext } from "./security.ts";
import { volume } from "./volumes.ts";

const serviceAccount = checked({ ...dnsName, none: "" }, (_, place) => {
  place.warn("is the value of its fieldRef, and has no other effect here: there is no API server");
});

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec */
export const rawPodSpec = object(
  { containers: filled(container) },
  {
    initContainers: list(container),
    ephemeralContainers: list(ephemeralContainer),
    volumes: list(volume),
    restartPolicy: oneOf("Always", "OnFailure", "Never"),
    affinity,
    activeDeadlineSeconds: integer(1, 2 ** 31 - 1),
    terminationGracePeriodSeconds: integer(0),
    dnsConfig: object(
      {},
      {
        nameservers: checked(list(ipAddress()), (servers, place) => {
          if (servers.length > 3) place.error("may have three");
        }),
        searches: checked(list(searchDomain), (domains, place) => {
          if (domains.length > 32 || domains.join(" ").length > 2048)
            place.error("must have at most 32 domains, with 2048 characters in total");
        }),
        options: list(object({ name: string }, { value: string })),
      },
    ),
    dnsPolicy: oneOf("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    enableServiceLinks: boolean,
    hostAliases: list(object({ ip: ipAddress() }, { hostnames: list(dnsName) })),
    hostIPC: boolean,
    hostNetwork: boolean,
    hostPID: boolean,
    hostUsers: boolean,
    hostname: dnsLabel,
    hostnameOverride: checked(dnsName, (name, place) => {
      if (name.length > 64) place.error("may have 64 letters");
    }),
    imagePullSecrets: list(object({ name: string }, {})),
    resources: resourceRequirements,
    nodeSelector: labels,
    overhead: mapOf(quantity),
    priority: integer(-2_147_483_648, 2_147_483_647),
    runtimeClassName: string,
    securityContext: podSecurityContext,
    setHostnameAsFQDN: boolean,
    shareProcessNamespace: boolean,
    subdomain: dnsLabel,
    serviceAccount,
    serviceAccountName: serviceAccount,
    readinessGates: list(object({ conditionType: qualifiedName }, {})),
  },
  [
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
    "tolerations",
    "topologySpreadConstraints",
  ],
);
export type PodSpec = Read<typeof rawPodSpec>;
