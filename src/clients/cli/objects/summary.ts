import { isRecord } from "../../../ground/json/index.ts";
import { type ListedObject, memberAt } from "./manager-calls.ts";

/** The state of an object, in a word or two. */
export function stateOf(listed: ListedObject): string {
  if (listed.gone === true) return "Deleted";
  if (listed.deleting) return "Terminating";
  const { object, kind } = listed;
  switch (kind) {
    case "Pod":
      return podState(object);
    case "Job":
      return String(memberAt(itemsAt(object, "status", "conditions")[0], "type") ?? "Running");
    case "CronJob":
      return memberAt(object, "spec", "suspend") === true ? "Suspended" : "Active";
    case "Service":
      return serviceState(object);
    default:
      return "Active";
  }
}

function serviceState(object: unknown): string {
  const key = memberAt(object, "spec", "type") === "ExternalName" ? "externalName" : "clusterIP";
  return String(memberAt(object, "spec", key) ?? "Pending");
}

/** The ready and the wanted number, for kinds that have them. */
export function readyOf({ object, kind }: ListedObject): string {
  const status = (key: string) => Number(memberAt(object, "status", key) ?? 0);
  switch (kind) {
    case "Pod": {
      const containers = itemsAt(object, "status", "containerStatuses");
      const total = itemsAt(object, "spec", "containers").length;
      return `${containers.filter((one) => memberAt(one, "ready") === true).length}/${total}`;
    }
    case "Deployment":
    case "ReplicaSet":
    case "StatefulSet":
      return `${status("readyReplicas")}/${Number(memberAt(object, "spec", "replicas") ?? 1)}`;
    case "DaemonSet":
      return `${status("numberReady")}/${status("desiredNumberScheduled")}`;
    case "Job":
      return `${status("succeeded")}/${Number(memberAt(object, "spec", "completions") ?? 1)}`;
    default:
      return "-";
  }
}

/** The address of an object. */
export function addressOf({ object, kind }: ListedObject): string {
  if (kind === "Service") return String(memberAt(object, "spec", "clusterIP") ?? "");
  return kind === "Pod" ? String(memberAt(object, "status", "podIP") ?? "") : "";
}

export function imagesOf({ object, kind }: ListedObject): string {
  const spec =
    kind === "Pod"
      ? ["spec"]
      : kind === "CronJob"
        ? ["spec", "jobTemplate", "spec", "template", "spec"]
        : ["spec", "template", "spec"];
  return itemsAt(object, ...spec, "containers")
    .map((one) => String(memberAt(one, "image")))
    .join(",");
}

export function labelsOf({ object }: ListedObject): string {
  const labels = memberAt(object, "metadata", "labels");
  return isRecord(labels)
    ? Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(",")
    : "";
}

/** Number of restarts of all containers of a pod. */
export function restartsOf({ object, kind }: ListedObject): string {
  if (kind !== "Pod") return "-";
  const all = [
    ...itemsAt(object, "status", "initContainerStatuses"),
    ...itemsAt(object, "status", "containerStatuses"),
  ];
  return String(all.reduce<number>((sum, one) => sum + Number(memberAt(one, "restartCount") ?? 0), 0));
}

/** The phase, or the reason why a container is not running. */
function podState(object: unknown): string {
  const reason = memberAt(object, "status", "reason");
  if (typeof reason === "string") return reason;
  const phase = String(memberAt(object, "status", "phase") ?? "Pending");
  if (phase === "Succeeded") return "Completed";
  for (const key of ["initContainerStatuses", "containerStatuses"])
    for (const one of itemsAt(object, "status", key)) {
      const waiting = memberAt(one, "state", "waiting", "reason");
      if (typeof waiting === "string" && (key === "containerStatuses" || waiting !== "ContainerCreating"))
        return waiting;
    }
  return phase === "Failed" ? "Error" : phase;
}

export function itemsAt(object: unknown, ...keys: readonly string[]): readonly unknown[] {
  const value = memberAt(object, ...keys);
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
