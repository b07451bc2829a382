import { createHash } from "node:crypto";
import type { PodTemplate } from "../../manifests/index.ts";

/** A hash that identifies a template; with an owner's uid, a template of that owner. */
export function templateHash(template: PodTemplate, owner = ""): string {
  const digest = createHash("sha256")
    .update(owner)
    .update(JSON.stringify(sorted(template)))
    .digest("hex");
  return digest.slice(0, 10);
}

/** Sorts fields, since their order has no meaning. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
