import type { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { ContainerdError } from "./errors.ts";
import { toAny, toValue } from "./messages.ts";

type Anys = Readonly<Record<string, containerd.types.Any>>;
type Extensions = Readonly<Record<string, TypedValue>>;

/**
 * Whether an extension is berth's own. With these, the engine stores what it must know about pods and their
 * containers.
 */
function isOwn(extension: string): boolean {
  return extension.startsWith("io.berth.");
}

/** Whether the record belongs to a pod, and so to the engine. */
export function isPods({ extensions }: { readonly extensions: Extensions }): boolean {
  return isPodsBy(Object.keys(extensions));
}

/** The same, from the names of the record's extensions. */
export function isPodsBy(extensions: readonly string[]): boolean {
  return extensions.some(isOwn);
}

/**
 * Throws PermissionDenied if a client sends extensions of berth's own, with which it could pass its record,
 * called `what` in the message, off as a pod's. `paths` are the extensions that a mask names.
 */
export function checkExtensions(what: string, extensions: Anys, paths: readonly string[] = []): void {
  const named = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const own = [...Object.keys(extensions), ...named].find(isOwn);
  if (own !== undefined)
    throw new ContainerdError("PermissionDenied", `${what}: extensions: ${own} is berth's own; leave it out`);
}

const prefix = "extensions.";

/** Replaces all extensions except berth's own, which clients cannot see. */
export function replacedExtensions(before: Extensions, given: Anys): Extensions {
  const own = Object.entries(before).filter(([name]) => isOwn(name));
  return { ...Object.fromEntries(own), ...toValues(given) };
}

/** Replaces or deletes the extension that a mask names (`extensions.NAME`). */
export function changedExtension(before: Extensions, given: Anys, path: string): Extensions {
  const name = path.slice(prefix.length);
  const { [name]: _, ...others } = before;
  const value = Object.hasOwn(given, name) ? given[name] : undefined;
  return value === undefined ? others : { ...others, [name]: toValue(value) };
}

export function toValues(extensions: Anys): Extensions {
  return Object.fromEntries(Object.entries(extensions).map(([name, any]) => [name, toValue(any)]));
}

/** Leaves out berth's own: clients that change something else send back what they were shown. */
export function toAnys(extensions: Extensions): Record<string, containerd.types.Any> {
  const shown = Object.entries(extensions).filter(([name]) => !isOwn(name));
  return Object.fromEntries(shown.map(([name, value]) => [name, toAny(value)]));
}
