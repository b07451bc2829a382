import { createHash } from "node:crypto";
import type { PodTemplate } from "../../manifests/index.ts";

/** Tells pods of one template from those of another. With an owner's uid, also from those of others. */
export function templateHash(template: PodTemplate, owner = ""): string {
  const digest = createHash("sha256")
    .update(owner)
    .update(JSON.stringify(sorted(template)))
    .digest("hex");
  return digest.slice(0, 10);
}

/** The order in which fields were written says nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
