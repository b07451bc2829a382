import type { DescribedMount } from "../../ground/linux/index.ts";
import type { LayerTarget } from "../../parts/unpack/index.ts";
import { DiffError } from "./diff-error.ts";

export type ApplyTarget = {
  readonly target: LayerTarget;
  /** What lies below the target, nearest first, where it is the upper directory of an overlay. */
  readonly lower: readonly string[];
};

/**
 * The directory that `mounts` write to: a bind mount's source, or an overlay's upper directory, which takes whiteouts as overlayfs
 * wants them. Throws DiffError: Unimplemented for others, InvalidArgument for those that nothing can be written to.
 */
export function applyTarget(mounts: readonly DescribedMount[]): ApplyTarget {
  const [mount, ...others] = mounts;
  if (mount === undefined) throw new DiffError("InvalidArgument", "mounts: give one");
  if (others.length > 0)
    throw new DiffError("Unimplemented", `mounts: ${mounts.length} on top of each other; give one`);
  const { type, source, options } = mount;
  if (options.includes("ro"))
    throw new DiffError("InvalidArgument", "mounts: a read-only one takes no layer");
  if (isBind(mount)) return { target: { directory: absolute(source), whiteouts: "remove" }, lower: [] };
  if (type !== "overlay")
    throw new DiffError("Unimplemented", `mounts: the type ${JSON.stringify(type)}; give bind or overlay`);
  const upper = optionOf(options, "upperdir");
  if (upper === undefined)
    throw new DiffError("InvalidArgument", "mounts: an overlay without upperdir takes no layer");
  const lower = (optionOf(options, "lowerdir") ?? "").match(/(?:\\.|[^:\\])+/g) ?? [];
  return {
    target: { directory: absolute(unescaped(upper)), whiteouts: "overlayfs" },
    lower: lower.map((path) => absolute(unescaped(path))),
  };
}

function isBind({ type, options }: DescribedMount): boolean {
  return type === "bind" || options.includes("bind") || options.includes("rbind");
}

function optionOf(options: readonly string[], key: string): string | undefined {
  return options.find((option) => option.startsWith(`${key}=`))?.slice(key.length + 1);
}

/** overlayfs lets a backslash take away the meaning of a character in a path. */
function unescaped(path: string): string {
  return path.replace(/\\(.)/g, "$1");
}

function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  throw new DiffError("InvalidArgument", `mounts: ${JSON.stringify(path)} is no absolute path`);
}
