import type { Activation } from "./activation.ts";

/** What can hold an activation, whether it is there or not. */
export type Holder =
  | { readonly kind: "lease"; readonly id: string }
  | { readonly kind: "container"; readonly id: string }
  | { readonly kind: "image"; readonly name: string }
  | { readonly kind: "content"; readonly digest: string }
  | { readonly kind: "snapshot"; readonly snapshotter: string; readonly key: string };

const label = /^containerd\.io\/gc\.bref\.(container|image|content)(?:[./].*)?$/;
const snapshotLabel = /^containerd\.io\/gc\.bref\.snapshot\.([^/]+)(?:\/.*)?$/;

/**
 * Whether the lease that it was made with is there, or one of those that its labels name: a label
 * `containerd.io/gc.bref.KIND` says from the side of what is held what `gc.ref.KIND` says from the other, and
 * may have a name behind it, as `.NAME` or `/NAME`.
 */
export function isHeld(
  { leaseId, labels }: Pick<Activation, "leaseId" | "labels">,
  isThere: (holder: Holder) => boolean,
): boolean {
  if (leaseId !== undefined && isThere({ kind: "lease", id: leaseId })) return true;
  return Object.entries(labels).some(([name, value]) => {
    const holder = holderOf(name, value);
    return holder !== undefined && isThere(holder);
  });
}

function holderOf(name: string, value: string): Holder | undefined {
  const snapshotter = snapshotLabel.exec(name)?.[1];
  if (snapshotter !== undefined) return { kind: "snapshot", snapshotter, key: value };
  switch (label.exec(name)?.[1]) {
    case "container":
      return { kind: "container", id: value };
    case "image":
      return { kind: "image", name: value };
    case "content":
      return { kind: "content", digest: value };
    default:
      return undefined;
  }
}
