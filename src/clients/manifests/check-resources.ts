import type { Place } from "./place.ts";
import { quantityValue } from "./quantity.ts";
import type { ResourceRequirements } from "./schemas/container.ts";

const counted = new Set(["cpu", "memory", "ephemeral-storage"]);

/** What requests and limits must be to each other; of what nobody counts here they are warned of. */
export function checkResources({ limits = {}, requests = {} }: ResourceRequirements, place: Place): void {
  for (const [kind, amounts] of Object.entries({ limits, requests }))
    for (const [name, amount] of Object.entries(amounts)) {
      const at = place.at(kind, name);
      if (!counted.has(name) && !name.startsWith("hugepages-")) at.warn("has no effect here");
      if ((quantityValue(amount) ?? 0) < 0) at.error("must be at least 0");
    }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined) continue;
    const [asked, most] = [quantityValue(request) ?? 0, quantityValue(limit) ?? 0];
    const at = place.at("requests", name);
    if (name.startsWith("hugepages-") && asked !== most) at.error("must be as much as the limit");
    else if (asked > most) at.error(`must not be more than the limit, ${limit}`);
  }
}
