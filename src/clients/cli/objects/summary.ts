import { isRecord } from "../../../ground/json/index.ts";
import { itemsAt, type ListedObject, memberAt } from "./manager-calls.ts";
import { podState, readyContainers } from "./pod-state.ts";

/** The state of an object, in a word or two. */
export function stateOf(listed: ListedObject): string {
  if (listed.gone === true) return "Deleted";
  const { object, kind, deleting } = listed;
  // As kubectl has it, a pod that has ended says how while it is being deleted.
  if (deleting && !(kind === "Pod" && isOver(object))) return "Terminating";
  switch (kind) {
    case "Pod":
      return podState(object);
    case "Job":
      return jobState(object);
    case "CronJob":
      return memberAt(object, "spec", "suspend") === true ? "Suspended" : "Active";
    case "Service":
      return serviceState(object);
    case "PersistentVolumeClaim":
      return String(memberAt(object, "status", "phase") ?? "Pending");
    default:
      return "Active";
  }
}

/** As kubectl has it, the most final of its conditions. */
function jobState(job: unknown): string {
  const types = itemsAt(job, "status", "conditions").map((one) => memberAt(one, "type"));
  const states = ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"];
  return states.find((one) => types.includes(one)) ?? "Running";
}

function isOver(pod: unknown): boolean {
  return ["Succeeded", "Failed"].includes(String(memberAt(pod, "status", "phase")));
}

function serviceState(object: unknown): string {
  const key = memberAt(object, "spec", "type") === "ExternalName" ? "externalName" : "clusterIP";
  return String(memberAt(object, "spec", key) ?? "Pending");
}

/** The ready and the wanted number, for kinds that have them. */
export function readyOf({ object, kind }: ListedObject): string {
  const status = (key: string) => Number(memberAt(object, "status", key) ?? 0);
  switch (kind) {
    case "Pod":
      return readyContainers(object);
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

/** The ports of a service as kubectl shows them: `80:30080/TCP`, with the node's port if there is one. */
export function portsOf({ object, kind }: ListedObject): string {
  if (kind !== "Service") return "";
  return itemsAt(object, "spec", "ports")
    .map((port) => {
      const nodePort = memberAt(port, "nodePort");
      const protocol = memberAt(port, "protocol") ?? "TCP";
      return `${memberAt(port, "port")}${nodePort === undefined ? "" : `:${nodePort}`}/${protocol}`;
    })
    .join(",");
}

/** The specification of an object's pods. */
export function templateOf({ object, kind }: ListedObject): unknown {
  if (kind === "Pod") return memberAt(object, "spec");
  if (kind === "CronJob") return memberAt(object, "spec", "jobTemplate", "spec", "template", "spec");
  return memberAt(object, "spec", "template", "spec");
}

export function imagesOf(listed: ListedObject): string {
  return itemsAt(templateOf(listed), "containers")
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
