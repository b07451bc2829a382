import type { containerd } from "../../ground/protocol/index.ts";
import type { Container } from "../../services/containers/index.ts";
import { changedExtension, replacedExtensions } from "./extensions.ts";
import { cannotUpdate, labelsOfMask } from "./field-mask.ts";
import { toValue } from "./messages.ts";

/** Fields that can change in records of containers and of sandboxes alike. */
export type RecordChange = Pick<Container, "labels" | "extensions" | "spec">;

/** The fields of a client's record that are read. */
type Given = Pick<containerd.containersV1.Container, "labels" | "extensions" | "spec">;

/**
 * Returns a record in which the field named by a path of an update's mask has the client's value. Throws
 * InvalidArgument for fields that cannot be changed.
 */
export function recordChange<Changed extends RecordChange>(
  path: string,
  before: Changed,
  given: Given,
): Changed {
  if (path.startsWith("labels."))
    return { ...before, labels: { ...before.labels, ...labelsOfMask([path], given.labels) } };
  if (path.startsWith("extensions."))
    return { ...before, extensions: changedExtension(before.extensions, given.extensions, path) };
  switch (path) {
    case "labels":
      return { ...before, labels: given.labels };
    case "extensions":
      return { ...before, extensions: replacedExtensions(before.extensions, given.extensions) };
    case "spec":
      return { ...before, spec: given.spec && toValue(given.spec) };
    default:
      throw cannotUpdate(path);
  }
}
