import type { DescribedMount, SnapshotMount } from "../../ground/linux/index.ts";
import { DiffError } from "./diff-error.ts";

/** A mount in the words of containerd's API; `target`: where in the tree it lies, "" for the whole of it. */
export type MountMessage = DescribedMount & { readonly target?: string };

/**
 * One of the two kinds of mounts that containerd's clients get from snapshotters of directories. Paths are
 * absolute.
 */
export type ClientMount =
  | { readonly type: "bind"; readonly source: string; readonly readonly: boolean }
  | {
      readonly type: "overlay";
      readonly upper: string | undefined;
      /** The nearest first. */
      readonly lower: readonly string[];
      readonly readonly: boolean;
      /** Those that say nothing of directories. */
      readonly options: readonly string[];
    };

/**
 * Undefined for none. Throws DiffError: Unimplemented for several and for mounts of other kinds,
 * InvalidArgument.
 */
export function clientMount([mount, ...others]: readonly MountMessage[]): ClientMount | undefined {
  if (mount === undefined) return undefined;
  if (others.length > 0)
    throw new DiffError("Unimplemented", `mounts: ${others.length + 1} on top of each other; give one`);
  const { type, source, options, target = "" } = mount;
  if (target !== "")
    throw new DiffError(
      "Unimplemented",
      `mounts: ${JSON.stringify(target)} as the target; give the whole tree`,
    );
  const readonly = options.includes("ro");
  if (isBind(mount)) return { type: "bind", source: absolute(source), readonly };
  if (type !== "overlay")
    throw new DiffError("Unimplemented", `mounts: the type ${JSON.stringify(type)}; give bind or overlay`);
  const upper = optionOf(options, "upperdir");
  const lower = (optionOf(options, "lowerdir") ?? "").match(/(?:\\.|[^:\\])+/g) ?? [];
  return {
    type,
    upper: upper === undefined ? undefined : absolute(unescaped(upper)),
    lower: lower.map((path) => absolute(unescaped(path))),
    readonly,
    options: options.filter((option) => !/^(?:r[ow]|volatile|(?:upper|lower|work)dir=.*)$/s.test(option)),
  };
}

/**
 * What shows the same files and takes no changes: an overlay's upper directory may be of one mount only, as a
 * lower one of many. Throws as {@link clientMount} does.
 */
export function readableMounts(described: readonly MountMessage[]): readonly SnapshotMount[] {
  const mount = clientMount(described);
  if (mount === undefined) return [];
  if (mount.type === "bind") return [{ ...mount, readonly: true }];
  const lower = mount.upper === undefined ? mount.lower : [mount.upper, ...mount.lower];
  const [top, ...below] = lower;
  if (top === undefined) throw new DiffError("InvalidArgument", "mounts: an overlay without directories");
  if (below.length === 0) return [{ type: "bind", source: top, readonly: true }];
  return [{ type: "overlay", upper: undefined, lower, options: mount.options }];
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
