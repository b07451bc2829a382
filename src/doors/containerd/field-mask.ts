import type { Labels } from "../../ground/labels/index.ts";
import { ContainerdError } from "./errors.ts";

/**
 * The labels that the paths of a mask name one by one (`labels.NAME`), with the values that they are to have: "" for one that is
 * to go. Throws InvalidArgument for any other path.
 */
export function labelsOfMask(paths: readonly string[], labels: Labels): Labels {
  const named = paths.map((path) => {
    if (!path.startsWith("labels."))
      throw new ContainerdError("InvalidArgument", `cannot update ${JSON.stringify(path)} field`);
    const name = path.slice("labels.".length);
    return [name, labels[name] ?? ""] as const;
  });
  return Object.fromEntries(named);
}
