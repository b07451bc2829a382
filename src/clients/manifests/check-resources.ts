import { quantityValue } from "../../ground/quantity/index.ts";
import type { Place } from "./place.ts";
import type { Container, ResourceRequirements } from "./schemas/container.ts";
import type { PodSpec } from "./schemas/pod-spec.ts";

const counted = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Checks relations between requests and limits; resources that are not counted here cause a warning. */
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

/** Checks that a pod's own resources are enough for its containers, and that none of them exceeds them. */
export function checkPodResources(spec: PodSpec, place: Place): void {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  for (const [name, request] of Object.entries(requests)) {
    const needed = neededBy(spec, name);
    if (isMore(needed, quantityValue(request) ?? 0))
      place.at("resources", "requests", name).error("must be at least the sum of the containers' requests");
  }
  for (const [index, { resources }] of spec.containers.entries())
    for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
      const most = limits[name];
      if (most !== undefined && isMore(quantityValue(limit) ?? 0, quantityValue(most) ?? 0))
        place
          .at("containers", index, "resources", "limits", name)
          .error(`must not be more than the pod's limit, ${most}`);
    }
}

/**
 * The amount that is needed at once: by the containers with the sidecars, or by an init container with the
 * sidecars before it.
 */
function neededBy({ containers, initContainers = [] }: PodSpec, name: string): number {
  const of = ({ resources = {} }: Container) =>
    quantityValue(resources.requests?.[name] ?? resources.limits?.[name] ?? "0") ?? 0;
  let [sidecars, most] = [0, 0];
  for (const container of initContainers) {
    if (container.restartPolicy === "Always") sidecars += of(container);
    else most = Math.max(most, sidecars + of(container));
  }
  return Math.max(
    most,
    containers.reduce((sum, one) => sum + of(one), sidecars),
  );
}

/** Whether it is larger by more than the rounding error of sums of fractions. */
function isMore(one: number, other: number): boolean {
  return one - other > 1e-9 * Math.max(1, other);
}
