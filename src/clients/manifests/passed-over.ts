import type { Place } from "./place.ts";

const noServer = "there is no API server";
const oneNode = "there is one node";

/**
 * Kinds that manifests for clusters often contain and that are not needed here, by API group, with the reason
 * why each has no effect.
 */
const reasons: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "": {
    ServiceAccount: noServer,
    LimitRange: "pods have the limits that they ask for",
    ResourceQuota: "namespaces have no limits",
  },
  "rbac.authorization.k8s.io": {
    Role: noServer,
    RoleBinding: noServer,
    ClusterRole: noServer,
    ClusterRoleBinding: noServer,
  },
  "admissionregistration.k8s.io": {
    MutatingWebhookConfiguration: noServer,
    ValidatingWebhookConfiguration: noServer,
    ValidatingAdmissionPolicy: noServer,
    ValidatingAdmissionPolicyBinding: noServer,
  },
  policy: {
    PodDisruptionBudget: `${oneNode}, which is not drained`,
    PodSecurityPolicy: noServer,
  },
  "networking.k8s.io": {
    NetworkPolicy: "it is not enforced: pods can reach each other",
    Ingress: "nothing serves it; a Service with type NodePort can be reached from outside",
    IngressClass: "nothing serves it",
  },
  autoscaling: {
    HorizontalPodAutoscaler: "nothing scales by load; `berth scale` sets a number",
  },
  "scheduling.k8s.io": { PriorityClass: "there is no preemption; eviction goes by a pod's `priority`" },
  "storage.k8s.io": { StorageClass: "each claim is a directory on this machine" },
};

/** Whether an object has no effect here and is left out; then a warning says why. */
export function isPassedOver({ apiVersion, kind }: Readonly<Record<string, unknown>>, place: Place): boolean {
  if (typeof apiVersion !== "string" || typeof kind !== "string") return false;
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  const ofGroup = Object.hasOwn(reasons, group) ? reasons[group] : undefined;
  const reason = ofGroup !== undefined && Object.hasOwn(ofGroup, kind) ? ofGroup[kind] : undefined;
  if (reason === undefined) return false;
  place.at("kind").warn(`${kind} has no effect here: ${reason}`);
  return true;
}
