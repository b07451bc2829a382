import { createHash } from "node:crypto";
import type { PodTemplate } from "../../manifests/index.ts";

/** A hash that identifies a template; with a salt, another one for the same template. */
export function templateHash(template: PodTemplate, salt = ""): string {
  const digest = createHash("sha256")
    .update(salt)
    .update(JSON.stringify(sorted(template)))
    .digest("hex");
  return digest.slice(0, 10);
}

/**
 * The first number, from the given one on, whose name is free; Kubernetes' `collisionCount`. It is part of
 * the hash in names of an owner's objects, so that one of another owner, whose name is taken, is evaded.
 */
export function freeCollisionCount(
  from: number | undefined,
  isTaken: (collisionCount: number) => boolean,
): number {
  let count = from ?? 0;
  while (isTaken(count)) count++;
  return count;
}

/** The salt of hashes after this many collisions. */
export function collisionSalt(collisionCount: number): string {
  return collisionCount === 0 ? "" : String(collisionCount);
}

/** Sorts fields, since their order has no meaning. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
