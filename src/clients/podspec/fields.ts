import { hostname } from "node:os";
import { quantityValue } from "../../ground/quantity/index.ts";
import type { Container } from "../manifests/index.ts";
import { containerLimits, containerRequests } from "./cgroups/pod-requests.ts";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import type { Pod } from "./pod.ts";

/** A pod with its addresses, from which fields can be read. */
export type FieldSource = {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly context: Pick<PodContext, "hostIps">;
};

/**
 * The value of a field of the pod, such as `metadata.labels['app']`
 * (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/). Throws PodSpecError for an unknown
 * field.
 */
export function fieldValue(path: string, { pod, podIps, context }: FieldSource): string {
  const { name, namespace, uid, labels, annotations } = pod.metadata;
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed !== null) return (keyed[1] === "labels" ? labels : annotations)[keyed[2] ?? ""] ?? "";
  switch (path) {
    case "metadata.name":
      return name;
    case "metadata.namespace":
      return namespace;
    case "metadata.uid":
      return uid;
    case "metadata.labels":
      return written(labels);
    case "metadata.annotations":
      return written(annotations);
    case "spec.serviceAccountName":
      return pod.spec.serviceAccountName || pod.spec.serviceAccount || "default";
    case "spec.nodeName":
      return hostname();
    case "status.hostIP":
      return context.hostIps[0] ?? "";
    case "status.hostIPs":
      return context.hostIps.join(",");
    case "status.podIP":
      return podIps[0] ?? "";
    case "status.podIPs":
      return podIps.join(",");
    default:
      throw new PodSpecError("InvalidArgument", `fieldPath ${JSON.stringify(path)} is not supported`);
  }
}

/** One line for each entry, sorted, as in a volume of the downward API. */
function written(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join("\n");
}

/**
 * The value of a container's resource, such as `limits.cpu`, in units of the divisor, rounded up. As in
 * Kubernetes, an unset limit is the machine's capacity for pods, and an unset request is the limit, or 0.
 * Throws PodSpecError.
 */
export function resourceValue(
  {
    resource,
    containerName,
    divisor,
  }: { readonly resource: string; readonly containerName?: string; readonly divisor?: string },
  {
    pod,
    context: { allocatable },
  }: Pick<FieldSource, "pod"> & { readonly context: Pick<PodContext, "allocatable"> },
  own: Container | undefined,
): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const container = containerName === undefined ? own : all.find(({ name }) => name === containerName);
  const [, kind, name = ""] =
    /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(resource) ?? [];
  if (container === undefined || kind === undefined)
    throw new PodSpecError("InvalidArgument", `resourceFieldRef ${resource}: no such value`);
  const given = kind === "limits" ? containerLimits(container)[name] : containerRequests(container)[name];
  const isShared = kind === "limits" && !name.startsWith("hugepages-");
  const amount =
    (given === 0 && isShared ? undefined : given) ?? (isShared ? allocatable[name] : undefined) ?? 0;
  // In thousandths: quotients of fractions are not exact.
  const thousandths = (quantity: number) => Math.round(quantity * 1000);
  return String(Math.ceil(thousandths(amount) / thousandths(quantityValue(divisor ?? "1") || 1)));
}
