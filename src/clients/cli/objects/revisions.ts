import { usageError } from "../errors.ts";
import { type ListedObject, memberAt } from "./manager-calls.ts";
import { itemsAt } from "./summary.ts";

/** A template that a Deployment has or had. */
export type Revision = {
  readonly revision: number;
  /** Empty where nobody said why it was made. */
  readonly cause: string;
  readonly images: readonly string[];
  readonly template: unknown;
};

/** Of a Deployment, by its replica sets, oldest first. Throws CliError for another kind. */
export function revisionsOf(
  { kind, object }: ListedObject,
  replicaSets: readonly ListedObject[],
): readonly Revision[] {
  if (kind !== "Deployment") throw usageError(`a ${kind} has no revisions; a Deployment has`);
  const uid = memberAt(object, "metadata", "uid");
  return replicaSets
    .map((one) => one.object)
    .filter((set) =>
      itemsAt(set, "metadata", "ownerReferences").some((owner) => memberAt(owner, "uid") === uid),
    )
    .map((set) => {
      const annotation = (key: string) => memberAt(set, "metadata", "annotations", key);
      const template = memberAt(set, "spec", "template");
      return {
        revision: Number(annotation("deployment.kubernetes.io/revision") ?? 0),
        cause: String(annotation("kubernetes.io/change-cause") ?? ""),
        images: itemsAt(template, "spec", "containers").map((one) => String(memberAt(one, "image"))),
        template,
      };
    })
    .toSorted((one, other) => one.revision - other.revision);
}
