import type { Labels } from "../../ground/labels/index.ts";
import type { ImageName } from "../imagenames/index.ts";
import { nameIfReference } from "./reference-name.ts";

/**
 * containerd's label of an image that kubelets must not remove. Only the node's administrator sets it: an
 * image cannot pin itself.
 */
const pinnedLabel = "io.cri-containerd.pinned";
const pinnedValue = "pinned";

/** Labels to merge into those of a name to pin or unpin its image. */
export function pinLabels(pinned: boolean): Labels {
  return { [pinnedLabel]: pinned ? pinnedValue : "" };
}

/** Returns a test for names that pin their image, by their label or by one of the configured `patterns`. */
export function pinsBy(patterns: readonly string[]): (name: ImageName) => boolean {
  const isPinned = namesPinnedBy(patterns);
  return ({ name, labels }) => labels[pinnedLabel] === pinnedValue || isPinned(name);
}

/** Returns a test for full names of images that one of the configured `patterns` pins. */
export function namesPinnedBy(patterns: readonly string[]): (name: string) => boolean {
  const matches = patterns.map(pinnedPattern);
  return (name) => matches.some((match) => match(name));
}

/**
 * `*` in a pattern stands for any characters; a pattern without it is a reference as people write them
 * (`busybox`).
 */
function pinnedPattern(pattern: string): (name: string) => boolean {
  const [first = "", ...others] = (
    pattern.includes("*") ? pattern : (nameIfReference(pattern) ?? pattern)
  ).split("*");
  const last = others.pop();
  if (last === undefined) return (name) => name === first;
  return (name) => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      const found = name.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return name.length >= at + last.length && name.endsWith(last);
  };
}
