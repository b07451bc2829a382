import type { Reference } from "../oci/index.ts";
import type { Challenge } from "./challenge.ts";

/**
 * The scopes that a Bearer challenge requires: `repository:team/app:pull,push` (distribution,
 * spec/auth/scope).
 */
export function scopesOfChallenge({ parameters }: Challenge): readonly string[] {
  return (parameters.scope ?? "").split(" ").filter((scope) => scope !== "");
}

/** Merges scopes so that each resource appears once, with all its actions, in the original order. */
export function mergeScopes(scopes: readonly string[]): readonly string[] {
  const merged = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const { resource, actions } = split(scope);
    const known = merged.get(resource) ?? new Set();
    for (const action of actions) known.add(action);
    merged.set(resource, known);
  }
  return [...merged].map(([resource, actions]) => `${resource}:${[...actions].join(",")}`);
}

/** Whether `known` covers all of `scopes`. */
export function areCovered(scopes: readonly string[], known: readonly string[]): boolean {
  const all = new Map(mergeScopes(known).map((scope) => [split(scope).resource, split(scope).actions]));
  return scopes.map(split).every(({ resource, actions }) => {
    const allowed = all.get(resource) ?? [];
    return actions.every((action) => allowed.includes(action));
  });
}

/** Splits off the actions; a resource's name may contain colons, in a host with a port. */
function split(scope: string): { readonly resource: string; readonly actions: readonly string[] } {
  const colon = scope.lastIndexOf(":");
  return { resource: scope.slice(0, colon), actions: scope.slice(colon + 1).split(",") };
}

/** The scopes that are required to push to the repository and to mount blobs from others. */
export function pushScopes({ repository }: Reference, mountFrom: readonly string[] = []): readonly string[] {
  return mergeScopes([
    `repository:${repository}:pull,push`,
    ...mountFrom.map((other) => `repository:${other}:pull`),
  ]);
}
