import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import { describeContainers, describeResources } from "./containers.ts";
import type { Sheet } from "./sheet.ts";
import { shortDuration, writtenDate } from "./times.ts";
import {
  describeAnnotations,
  describeController,
  describeLabels,
  lineIfSet,
  none,
  pairsAt,
  textAt,
} from "./values.ts";
import { describeVolumes } from "./volumes.ts";

export function describePod(sheet: Sheet, pod: unknown, nowMs: number): void {
  sheet.line(0, "Name:", textAt(pod, "metadata", "name"));
  sheet.line(0, "Namespace:", textAt(pod, "metadata", "namespace"));
  lineIfSet(sheet, 0, "Priority", pod, "spec", "priority");
  lineIfSet(sheet, 0, "Priority Class Name", pod, "spec", "priorityClassName");
  lineIfSet(sheet, 0, "Runtime Class Name", pod, "spec", "runtimeClassName");
  lineIfSet(sheet, 0, "Service Account", pod, "spec", "serviceAccountName");
  const started = writtenDate(textAt(pod, "status", "startTime"));
  if (started !== "") sheet.line(0, "Start Time:", started);
  describeLabels(sheet, 0, "Labels", pod, "metadata", "labels");
  describeAnnotations(sheet, 0, pod, "metadata", "annotations");
  describePhase(sheet, pod, nowMs);
  lineIfSet(sheet, 0, "Reason", pod, "status", "reason");
  const message = textAt(pod, "status", "message");
  if (message !== "") sheet.lines(0, "Message:", message);
  lineIfSet(sheet, 0, "SeccompProfile", pod, "spec", "securityContext", "seccompProfile", "type");
  sheet.line(0, "IP:", textAt(pod, "status", "podIP"));
  sheet.list(0, "IPs:", itemsAt(pod, "status", "podIPs"), (one) => sheet.line(1, "IP:", textAt(one, "ip")));
  describeController(sheet, pod);
  if (memberAt(pod, "spec", "resources") !== undefined) {
    sheet.line(0, "Resources:");
    describeResources(sheet, 1, memberAt(pod, "spec", "resources"));
  }
  for (const [title, key] of [
    ["Init Containers", "initContainers"],
    ["Containers", "containers"],
    ["Ephemeral Containers", "ephemeralContainers"],
  ] as const) {
    const statuses = itemsAt(pod, "status", key.replace(/s$/, "Statuses"));
    describeContainers(sheet, 0, title, itemsAt(pod, "spec", key), { pod, statuses });
  }
  describePodConditions(sheet, pod);
  describeVolumes(sheet, 0, itemsAt(pod, "spec", "volumes"));
  sheet.line(0, "QoS Class:", textAt(pod, "status", "qosClass"));
  sheet.line(0, "Node-Selectors:", pairsAt(pod, "spec", "nodeSelector"));
}

/** As in kubectl, a pod that has ended says how while it is being deleted. */
function describePhase(sheet: Sheet, pod: unknown, nowMs: number): void {
  const phase = textAt(pod, "status", "phase");
  const deletion = textAt(pod, "metadata", "deletionTimestamp");
  if (deletion === "" || phase === "Succeeded" || phase === "Failed") {
    sheet.line(0, "Status:", phase);
    return;
  }
  sheet.line(0, "Status:", `Terminating (lasts ${shortDuration(nowMs - Date.parse(deletion))})`);
  const grace = textAt(pod, "metadata", "deletionGracePeriodSeconds");
  sheet.line(0, "Termination Grace Period:", `${grace}s`);
}

function describePodConditions(sheet: Sheet, pod: unknown): void {
  const conditions = itemsAt(pod, "status", "conditions");
  const gates = itemsAt(pod, "spec", "readinessGates");
  if (gates.length > 0) {
    sheet.line(0, "Readiness Gates:");
    sheet.line(1, "Type", "Status");
  }
  for (const gate of gates) {
    const type = textAt(gate, "conditionType");
    const found = conditions.find((one) => textAt(one, "type") === type);
    sheet.line(1, type, textAt(found, "status") || none);
  }
  if (conditions.length === 0) return;
  sheet.line(0, "Conditions:");
  sheet.line(1, "Type", "Status");
  for (const one of conditions) sheet.line(1, textAt(one, "type"), textAt(one, "status"));
}

/** The template from which an object's pods are created. */
export function describeTemplate(sheet: Sheet, template: unknown): void {
  sheet.line(0, "Pod Template:");
  describeLabels(sheet, 1, "Labels", template, "metadata", "labels");
  if (memberAt(template, "metadata", "annotations") !== undefined)
    describeAnnotations(sheet, 1, template, "metadata", "annotations");
  lineIfSet(sheet, 1, "Service Account", template, "spec", "serviceAccountName");
  describeContainers(sheet, 1, "Init Containers", itemsAt(template, "spec", "initContainers"));
  describeContainers(sheet, 1, "Containers", itemsAt(template, "spec", "containers"));
  describeVolumes(sheet, 1, itemsAt(template, "spec", "volumes"));
  lineIfSet(sheet, 1, "Priority Class Name", template, "spec", "priorityClassName");
  sheet.line(1, "Node-Selectors:", pairsAt(template, "spec", "nodeSelector"));
}
