import { itemsAt, memberAt } from "../objects/manager-calls.ts";
import { describeTemplate } from "./pod.ts";
import type { Sheet } from "./sheet.ts";
import { writtenDate } from "./times.ts";
import { describeConditions, describeController, describeMetadata, none, pairsAt, textAt } from "./values.ts";

/** `all` are objects among which those of the described one are. */
export function describeDeployment(sheet: Sheet, deployment: unknown, all: readonly unknown[]): void {
  const number = numbersOf(deployment);
  describeMetadata(sheet, deployment);
  describeCreation(sheet, deployment);
  sheet.line(0, "Selector:", selectorText(deployment));
  const counts = [
    `${wantedOf(deployment)} desired`,
    ...["updated", "", "available", "unavailable"].map((word) =>
      word === "" ? `${number("replicas")} total` : `${number(`${word}Replicas`)} ${word}`,
    ),
  ];
  sheet.line(0, "Replicas:", counts.join(" | "));
  const type = textAt(deployment, "spec", "strategy", "type") || "RollingUpdate";
  sheet.line(0, "StrategyType:", type);
  sheet.line(0, "MinReadySeconds:", textAt(deployment, "spec", "minReadySeconds") || "0");
  if (type === "RollingUpdate") {
    const bound = (key: string) => textAt(deployment, "spec", "strategy", "rollingUpdate", key) || "25%";
    const bounds = `${bound("maxUnavailable")} max unavailable, ${bound("maxSurge")} max surge`;
    sheet.line(0, "RollingUpdateStrategy:", bounds);
  }
  describeTemplate(sheet, memberAt(deployment, "spec", "template"));
  describeConditions(sheet, deployment);
  describeReplicaSets(sheet, deployment, all);
}

function describeReplicaSets(sheet: Sheet, deployment: unknown, all: readonly unknown[]): void {
  const revision = (object: unknown) =>
    textAt(object, "metadata", "annotations", "deployment.kubernetes.io/revision");
  const sets = ownedBy(deployment, all).filter((one) => textAt(one, "kind") === "ReplicaSet");
  const [current, old] = [true, false].map((isNew) =>
    sets
      .filter((set) => (revision(set) === revision(deployment)) === isNew)
      .map((set) => {
        const created = textAt(set, "status", "replicas") || 0;
        return `${textAt(set, "metadata", "name")} (${created}/${wantedOf(set)} replicas created)`;
      })
      .join(", "),
  );
  sheet.line(0, "OldReplicaSets:", old || none);
  sheet.line(0, "NewReplicaSet:", current || none);
}

export function describeReplicaSet(sheet: Sheet, set: unknown, all: readonly unknown[]): void {
  describeMetadata(sheet, set);
  sheet.line(0, "Selector:", selectorText(set));
  describeController(sheet, set);
  sheet.line(0, "Replicas:", `${numbersOf(set)("replicas")} current / ${wantedOf(set)} desired`);
  describePods(sheet, set, all);
  describeTemplate(sheet, memberAt(set, "spec", "template"));
}

export function describeStatefulSet(sheet: Sheet, set: unknown, all: readonly unknown[]): void {
  describeMetadata(sheet, set);
  describeCreation(sheet, set);
  sheet.line(0, "Selector:", selectorText(set));
  sheet.line(0, "Replicas:", `${wantedOf(set)} desired | ${numbersOf(set)("replicas")} total`);
  const type = textAt(set, "spec", "updateStrategy", "type") || "RollingUpdate";
  sheet.line(0, "Update Strategy:", type);
  if (type === "RollingUpdate")
    sheet.line(1, "Partition:", textAt(set, "spec", "updateStrategy", "rollingUpdate", "partition") || "0");
  describePods(sheet, set, all);
  describeTemplate(sheet, memberAt(set, "spec", "template"));
  describeClaimTemplates(sheet, itemsAt(set, "spec", "volumeClaimTemplates"));
}

function describeClaimTemplates(sheet: Sheet, templates: readonly unknown[]): void {
  sheet.list(0, "Volume Claims:", templates, (template) => {
    sheet.line(1, "Name:", textAt(template, "metadata", "name"));
    sheet.line(1, "StorageClass:", textAt(template, "spec", "storageClassName"));
    sheet.line(1, "Capacity:", textAt(template, "spec", "resources", "requests", "storage"));
    sheet.line(1, "Access Modes:", textAt(template, "spec", "accessModes"));
  });
}

export function describeDaemonSet(sheet: Sheet, set: unknown, all: readonly unknown[]): void {
  const number = numbersOf(set);
  describeMetadata(sheet, set);
  sheet.line(0, "Selector:", selectorText(set));
  sheet.line(0, "Node-Selector:", pairsAt(set, "spec", "template", "spec", "nodeSelector"));
  for (const [title, key] of [
    ["Desired Number of Nodes Scheduled", "desiredNumberScheduled"],
    ["Current Number of Nodes Scheduled", "currentNumberScheduled"],
    ["Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"],
    ["Number of Nodes Scheduled with Available Pods", "numberAvailable"],
    ["Number of Nodes Misscheduled", "numberMisscheduled"],
  ] as const)
    sheet.line(0, `${title}: ${number(key)}`);
  describePods(sheet, set, all);
  describeTemplate(sheet, memberAt(set, "spec", "template"));
}

/** An earlier template of a StatefulSet or DaemonSet. */
export function describeRevision(sheet: Sheet, revision: unknown): void {
  describeMetadata(sheet, revision);
  describeController(sheet, revision);
  sheet.line(0, "Revision:", textAt(revision, "revision"));
  describeTemplate(sheet, memberAt(revision, "data", "spec", "template"));
}

function describeCreation(sheet: Sheet, object: unknown): void {
  sheet.line(0, "CreationTimestamp:", writtenDate(textAt(object, "metadata", "creationTimestamp")));
}

/** How many of its pods are in which phase. */
function describePods(sheet: Sheet, owner: unknown, all: readonly unknown[]): void {
  const phases = ownedBy(owner, all)
    .filter((one) => textAt(one, "kind") === "Pod")
    .map((pod) => textAt(pod, "status", "phase"));
  const counts = [
    ["Running", "Running"],
    ["Pending", "Waiting"],
    ["Succeeded", "Succeeded"],
    ["Failed", "Failed"],
  ].map(([phase, word]) => `${phases.filter((one) => one === phase).length} ${word}`);
  sheet.line(0, "Pods Status:", counts.join(" / "));
}

function ownedBy(owner: unknown, all: readonly unknown[]): readonly unknown[] {
  const uid = textAt(owner, "metadata", "uid");
  return all.filter((one) =>
    itemsAt(one, "metadata", "ownerReferences").some((other) => textAt(other, "uid") === uid),
  );
}

function wantedOf(object: unknown): string {
  return textAt(object, "spec", "replicas") || "1";
}

/** The numbers of an object's status. */
function numbersOf(object: unknown): (key: string) => string {
  return (key) => textAt(object, "status", key) || "0";
}

/** `app=web,tier in (a,b)`. */
function selectorText(object: unknown): string {
  const labels = pairsAt(object, "spec", "selector", "matchLabels");
  const expressions = itemsAt(object, "spec", "selector", "matchExpressions").map((one) => {
    const [key, operator, values] = ["key", "operator", "values"].map((name) => textAt(one, name));
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values})`;
  });
  return [...(labels === none ? [] : [labels]), ...expressions].join(",") || none;
}
