import type { GivenMount } from "./activation.ts";

const transforms = ["format", "mkdir", "mkfs"] as const;
export type Transform = (typeof transforms)[number];

/** Types of mounts that a client's mount(2) cannot mount, at all or on this kernel. */
const handled: ReadonlySet<string> = new Set(["loop", "erofs"]);

/** A mount, and the transforms of its description, in order. */
export type PlannedMount = { readonly mount: GivenMount; readonly transforms: readonly Transform[] };

export type Plan = {
  /** Mounted here. */
  readonly active: readonly PlannedMount[];
  /** Mounted by the client; the first one may still have transforms. */
  readonly system: readonly PlannedMount[];
};

/**
 * Decides which mounts are mounted here: all before the last one that needs a transform, since it may refer
 * to them; those of types that only the mount manager can mount; with `temporary`, all. Undefined if there
 * are none, and nothing needs a transform.
 */
export function planActivation(mounts: readonly GivenMount[], temporary: boolean): Plan | undefined {
  const planned = mounts.map(withoutTransforms);
  let firstSystem = -1;
  for (const [index, { mount, transforms: needed }] of planned.entries()) {
    if (needed.length > 0) firstSystem = index;
    if (handled.has(mount.type) || temporary) firstSystem = index + 1;
  }
  if (firstSystem === -1) return undefined;
  return { active: planned.slice(0, firstSystem), system: planned.slice(firstSystem) };
}

/**
 * `format/mkdir/overlay` is an overlay: first its references are expanded, then directories are created for
 * it.
 */
function withoutTransforms(mount: GivenMount): PlannedMount {
  const parts = mount.type.split("/");
  const end = parts.findIndex((part) => !isTransform(part));
  const needed = parts.slice(0, Math.min(end === -1 ? parts.length : end, parts.length - 1));
  return {
    mount: { ...mount, type: parts.slice(needed.length).join("/") },
    transforms: needed.filter(isTransform),
  };
}

function isTransform(name: string): name is Transform {
  return (transforms as readonly string[]).includes(name);
}
