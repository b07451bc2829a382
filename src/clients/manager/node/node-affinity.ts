import { meets, type NodeSelectorTerm, type PodSpec } from "../../manifests/index.ts";
import type { Node } from "./node.ts";

type Requirement = NonNullable<NodeSelectorTerm["matchExpressions"]>[number];

/** Whether a node matches a pod's selector and one of the terms of its affinity. */
export function suits({ nodeSelector = {}, affinity }: PodSpec, labels: Node["labels"]): boolean {
  if (Object.entries(nodeSelector).some(([key, value]) => labels[key] !== value)) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms.some((term) => takes(term, labels)) ?? true;
}

/** Whether a term matches; a term without requirements matches no node. */
function takes(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  labels: Node["labels"],
): boolean {
  const name = labels["kubernetes.io/hostname"];
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((one) => holds(one, labels[one.key])) &&
    matchFields.every((one) => meets(one, name))
  );
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  const [bound] = values;
  switch (operator) {
    case "Gt":
      return isInteger(value) && Number(value) > Number(bound);
    case "Lt":
      return isInteger(value) && Number(value) < Number(bound);
    default:
      return meets({ operator, values }, value);
  }
}

function isInteger(value: string | undefined): boolean {
  return value !== undefined && /^-?[0-9]+$/.test(value);
}
