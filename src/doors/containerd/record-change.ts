import type { containerd } from "../../ground/protocol/index.ts";
import type { Container } from "../../services/containers/index.ts";
import { changedExtension, replacedExtensions } from "./extensions.ts";
import { cannotUpdate, labelsOfMask } from "./field-mask.ts";
import { toValue } from "./messages.ts";

/** What can change of the record of a container as well as of a sandbox. */
export type RecordChange = Pick<Container, "labels" | "extensions" | "spec">;

/** The fields of a client's record that are looked at. */
type Given = Pick<containerd.containersV1.Container, "labels" | "extensions" | "spec">;

/**
 * A record with that field of an update's mask taken from what the client gave. Throws InvalidArgument for a
 * field that cannot be changed.
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
