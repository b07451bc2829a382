import type { containerd } from "../../ground/protocol/index.ts";
import type { TypedValue } from "../../services/containers/index.ts";
import { ContainerdError } from "./errors.ts";
import { toAny, toValue } from "./messages.ts";

type Anys = Readonly<Record<string, containerd.types.Any>>;
type Extensions = Readonly<Record<string, TypedValue>>;

/** Extensions of this prefix are berth's own: what a pod's engine must know of it and its containers. */
function isOwn(extension: string): boolean {
  return extension.startsWith("io.berth.");
}

/** Whether a pod's engine keeps the record. */
export function isPods({ extensions }: { readonly extensions: Extensions }): boolean {
  return isPodsBy(Object.keys(extensions));
}

/** The same, by the names of its extensions. */
export function isPodsBy(extensions: readonly string[]): boolean {
  return extensions.some(isOwn);
}

/**
 * Throws PermissionDenied: with these, a client could pass its record, here called `what`, off as a pod's.
 * `paths` are what a mask names of them to change.
 */
export function checkExtensions(what: string, extensions: Anys, paths: readonly string[] = []): void {
  const named = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  const own = [...Object.keys(extensions), ...named].find(isOwn);
  if (own !== undefined)
    throw new ContainerdError("PermissionDenied", `${what}: extensions: ${own} is berth's own; leave it out`);
}

const prefix = "extensions.";

/** All of them anew; berth's own stay whatever a client sends, to whom they are not shown. */
export function replacedExtensions(before: Extensions, given: Anys): Extensions {
  const own = Object.entries(before).filter(([name]) => isOwn(name));
  return { ...Object.fromEntries(own), ...toValues(given) };
}

/** The one that a mask names (`extensions.NAME`): as given, or gone. */
export function changedExtension(before: Extensions, given: Anys, path: string): Extensions {
  const name = path.slice(prefix.length);
  const { [name]: _, ...others } = before;
  const value = Object.hasOwn(given, name) ? given[name] : undefined;
  return value === undefined ? others : { ...others, [name]: toValue(value) };
}

export function toValues(extensions: Anys): Extensions {
  return Object.fromEntries(Object.entries(extensions).map(([name, any]) => [name, toValue(any)]));
}

/** But for berth's own: clients send back what they were shown when they change something else. */
export function toAnys(extensions: Extensions): Record<string, containerd.types.Any> {
  const shown = Object.entries(extensions).filter(([name]) => !isOwn(name));
  return Object.fromEntries(shown.map(([name, value]) => [name, toAny(value)]));
}
