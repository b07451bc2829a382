import type { Reference } from "../oci/index.ts";
import type { Challenge } from "./challenge.ts";

/**
 * What a Bearer challenge wants the token to be good for: `repository:team/app:pull,push` (distribution,
 * spec/auth/scope).
 */
export function scopesOfChallenge({ parameters }: Challenge): readonly string[] {
  return (parameters.scope ?? "").split(" ").filter((scope) => scope !== "");
}

/** Each resource once, with all that is wanted of it, in the order in which they were first named. */
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

/** Whether `scopes` have nothing that `known` has not. */
export function areCovered(scopes: readonly string[], known: readonly string[]): boolean {
  const all = new Map(mergeScopes(known).map((scope) => [split(scope).resource, split(scope).actions]));
  return scopes.map(split).every(({ resource, actions }) => {
    const allowed = all.get(resource) ?? [];
    return actions.every((action) => allowed.includes(action));
  });
}

/** A resource's name may have colons: a host with its port. */
function split(scope: string): { readonly resource: string; readonly actions: readonly string[] } {
  const colon = scope.lastIndexOf(":");
  return { resource: scope.slice(0, colon), actions: scope.slice(colon + 1).split(",") };
}

/** What a token must be good for to push into the repository and to take blobs from others. */
export function pushScopes({ repository }: Reference, mountFrom: readonly string[] = []): readonly string[] {
  return mergeScopes([
    `repository:${repository}:pull,push`,
    ...mountFrom.map((other) => `repository:${other}:pull`),
  ]);
}
