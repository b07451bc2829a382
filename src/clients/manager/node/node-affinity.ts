import type { NodeSelectorTerm, PodSpec } from "../../manifests/index.ts";
import type { Node } from "./node.ts";

type Requirement = NonNullable<NodeSelectorTerm["matchExpressions"]>[number];

/** Whether a node has the labels that a pod requires, by its selector and by one of its affinity's terms. */
export function suits({ nodeSelector = {}, affinity }: PodSpec, labels: Node["labels"]): boolean {
  if (Object.entries(nodeSelector).some(([key, value]) => labels[key] !== value)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms.some((term) => meets(labels, term)) ?? true;
}

/** A term without requirements is met by no node. */
function meets(
  labels: Node["labels"],
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
): boolean {
  const name = labels["kubernetes.io/hostname"];
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((one) => holds(one, labels[one.key])) &&
    matchFields.every((one) => holds(one, name))
  );
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  const [bound] = values;
  switch (operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Gt":
      return isInteger(value) && Number(value) > Number(bound);
    case "Lt":
      return isInteger(value) && Number(value) < Number(bound);
  }
}

function isInteger(value: string | undefined): boolean {
  return value !== undefined && /^-?[0-9]+$/.test(value);
}
