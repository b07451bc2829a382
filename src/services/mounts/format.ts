import type { ActiveMount, GivenMount } from "./activation.ts";
import { MountsError } from "./mounts-error.ts";

/**
 * Expands references to earlier mounts in a mount's source, target and options: `{{ mount 0 }}` is the mount
 * point of the first, `{{ source 0 }}` and `{{ target 0 }}` are from its description, and `{{ overlay 0 2 }}`
 * is the mount points of the first three, in the order of overlayfs's lower directories; `{{ overlay 2 0 }}`
 * reverses them. Throws MountsError InvalidArgument.
 */
export function formatMount(mount: GivenMount, active: readonly ActiveMount[]): GivenMount {
  const filled = (text: string) => fill(text, active);
  return {
    ...mount,
    source: filled(mount.source),
    target: filled(mount.target),
    options: mount.options.map(filled),
  };
}

function fill(text: string, active: readonly ActiveMount[]): string {
  const [first = "", ...rest] = text.split("{{");
  const filled = rest.map((part) => {
    const end = part.indexOf("}}");
    if (end === -1) throw new MountsError("InvalidArgument", `${JSON.stringify(text)}: "{{" without "}}"`);
    const words = part
      .slice(0, end)
      .split(/\s/)
      .filter((word) => word !== "");
    return value(words, active) + part.slice(end + 2);
  });
  return [first, ...filled].join("");
}

function value([name = "", ...given]: readonly string[], active: readonly ActiveMount[]): string {
  const at = given.map((text) => mountAt(text, active));
  const [one, other] = at;
  if (one !== undefined && at.length === 1) {
    if (name === "mount") return one.mountPoint;
    if (name === "source") return one.mount.source;
    if (name === "target") return one.mount.target;
  }
  if (name === "overlay" && one !== undefined && other !== undefined && at.length === 2) {
    const [from, to] = [active.indexOf(one), active.indexOf(other)];
    const range = active.slice(Math.min(from, to), Math.max(from, to) + 1);
    return (from > to ? range.toReversed() : range).map(({ mountPoint }) => mountPoint).join(":");
  }
  throw new MountsError(
    "InvalidArgument",
    `{{ ${[name, ...given].join(" ")} }}: give source, target or mount with one number, or overlay with two`,
  );
}

function mountAt(text: string, active: readonly ActiveMount[]): ActiveMount {
  const found = /^\d{1,3}$/.test(text) ? active[Number(text)] : undefined;
  if (found !== undefined) return found;
  throw new MountsError(
    "InvalidArgument",
    `${JSON.stringify(text)} is not the number of an earlier mount; there are ${active.length}`,
  );
}
