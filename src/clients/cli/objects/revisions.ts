import { usageError } from "../errors.ts";
import { itemsAt, type ListedObject, memberAt } from "./manager-calls.ts";

/** A current or former template of an object. */
export type Revision = {
  readonly revision: number;
  /** The reason for the change; "" if none was given. */
  readonly cause: string;
  readonly images: readonly string[];
  readonly template: unknown;
};

/** The kind of the objects that store the templates of a kind. Throws CliError for a kind without any. */
export function kindOfRevisions(kind: string): "ReplicaSet" | "ControllerRevision" {
  switch (kind) {
    case "Deployment":
      return "ReplicaSet";
    case "StatefulSet":
    case "DaemonSet":
      return "ControllerRevision";
    default:
      throw usageError(`a ${kind} has no revisions; Deployment, StatefulSet and DaemonSet have`);
  }
}

/** The revisions of an object, oldest first, from all objects of that kind. */
export function revisionsOf(
  { object }: ListedObject,
  candidates: readonly ListedObject[],
): readonly Revision[] {
  const uid = memberAt(object, "metadata", "uid");
  return candidates
    .map((one) => one.object)
    .filter((one) =>
      itemsAt(one, "metadata", "ownerReferences").some((owner) => memberAt(owner, "uid") === uid),
    )
    .map((one) => {
      const annotation = (key: string) => memberAt(one, "metadata", "annotations", key);
      const template = memberAt(one, "data", "spec", "template") ?? memberAt(one, "spec", "template");
      return {
        revision: Number(memberAt(one, "revision") ?? annotation("deployment.kubernetes.io/revision") ?? 0),
        cause: String(annotation("kubernetes.io/change-cause") ?? ""),
        images: itemsAt(template, "spec", "containers").map((container) =>
          String(memberAt(container, "image")),
        ),
        template,
      };
    })
    .toSorted((one, other) => one.revision - other.revision);
}
