import type { Labels, LabelUpdate } from "../../ground/labels/index.ts";
import { ContainerdError } from "./errors.ts";

/**
 * The labels that the paths of a mask name one by one (`labels.NAME`), with the values that they are to have:
 * "" for one that is to go. Throws InvalidArgument for any other path.
 */
export function labelsOfMask(paths: readonly string[], labels: Labels): Labels {
  const named = paths.map((path) => {
    if (!path.startsWith("labels.")) throw cannotUpdate(path);
    const name = path.slice("labels.".length);
    return [name, given(labels, name)] as const;
  });
  return Object.fromEntries(named);
}

/** The value of a label; "" for one that is not there, whatever its name. */
export function given(labels: Labels, name: string): string {
  return Object.hasOwn(labels, name) ? (labels[name] ?? "") : "";
}

/**
 * What a mask makes of given labels, where it may also name all of them (`labels`), as one that is empty
 * does. Throws InvalidArgument for a path of any other field.
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
