import { isRecord } from "../../../ground/json/index.ts";
import { itemsAt, memberAt } from "./manager-calls.ts";

/**
 * Whether a service selects an object, both as JSON in Kubernetes' form: a pod of its namespace with all
 * labels of its selector. A service without a selector selects none.
 */
export function isSelectedBy(service: unknown, one: unknown): boolean {
  const selector = memberAt(service, "spec", "selector");
  const labels = isRecord(selector) ? Object.entries(selector) : [];
  return (
    labels.length > 0 &&
    memberAt(one, "kind") === "Pod" &&
    memberAt(one, "metadata", "namespace") === memberAt(service, "metadata", "namespace") &&
    labels.every(([key, value]) => memberAt(one, "metadata", "labels", key) === value)
  );
}

/** Whether a pod, as JSON in Kubernetes' form, is ready. */
export function isReady(pod: unknown): boolean {
  return itemsAt(pod, "status", "conditions").some(
    (one) => memberAt(one, "type") === "Ready" && memberAt(one, "status") === "True",
  );
}

/** The number of the port with a name, of a pod's containers or sidecars; undefined if there is none. */
export function portNamed(pod: unknown, name: unknown): number | undefined {
  return ["containers", "initContainers"]
    .flatMap((key) => itemsAt(pod, "spec", key))
    .flatMap((container) => itemsAt(container, "ports"))
    .filter((port) => memberAt(port, "name") === name)
    .map((port) => memberAt(port, "containerPort"))
    .find((port) => typeof port === "number");
}
