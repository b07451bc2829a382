import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import { ContainerdError } from "./errors.ts";

/**
 * The labels that a mask names one by one (`labels.NAME`), with their new values: "" deletes a label. Throws
 * InvalidArgument for any other path.
 */
export function labelsOfMask(paths: readonly string[], labels: Labels): Labels {
  const named = paths.map((path) => {
    if (!path.startsWith("labels.")) throw cannotUpdate(path);
    const name = path.slice("labels.".length);
    return [name, given(labels, name)] as const;
  });
  return Object.fromEntries(named);
}

/** The value of a label; "" if it is missing. Safe for any name, including those of Object's properties. */
export function given(labels: Labels, name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? "") : "";
}

/**
 * The update of labels that a mask describes. The mask may also name all of them (`labels`); an empty mask
 * means the same. Throws InvalidArgument for any other field.
 */
export function labelUpdate(
  paths: readonly string[],
  labels: Labels,
): { readonly labels: Labels; readonly how: LabelUpdate } {
  if (paths.length === 0) return { labels, how: "replace" };
  const others = paths.filter((path) => path !== "labels");
  const named = labelsOfMask(others, labels);
  return others.length < paths.length ? { labels, how: "replace" } : { labels: named, how: "merge" };
}

export function cannotUpdate(path: string): ContainerdError {
  return new ContainerdError("InvalidArgument", `cannot update ${JSON.stringify(path)} field`);
}
