import { quantityValue } from "../../../ground/quantity/index.ts";
import type { Container, PodSpec } from "../../manifests/index.ts";

/** Amounts by resource: cores, bytes. */
export type Amounts = Readonly<Record<string, number>>;

/** A container's requests; an unset request is the limit. */
export function containerRequests({ resources = {} }: Pick<Container, "resources">): Amounts {
  return amounts({ ...resources.limits, ...resources.requests });
}

export function containerLimits({ resources = {} }: Pick<Container, "resources">): Amounts {
  return amounts(resources.limits ?? {});
}

/** The amount of each resource that a pod needs at once, with its overhead. */
export function podRequests(spec: PodSpec): Amounts {
  return ofPod(spec, containerRequests);
}

export function podLimits(spec: PodSpec): Amounts {
  return ofPod(spec, containerLimits);
}

function amounts(quantities: Readonly<Record<string, string>>): Amounts {
  return Object.fromEntries(
    Object.entries(quantities).map(([name, text]) => [name, quantityValue(text) ?? 0]),
  );
}

/**
 * The larger one of: the sum of the containers and sidecars, and the need of an init container and the
 * sidecars that start before it. The pod's own values take precedence
 * (https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers).
 */
function ofPod(spec: PodSpec, of: (one: Pick<Container, "resources">) => Amounts): Amounts {
  let sidecars: Amounts = {};
  let most: Amounts = {};
  for (const container of spec.initContainers ?? []) {
    const own = of(container);
    if (container.restartPolicy === "Always") sidecars = sum(sidecars, own);
    most = greater(most, container.restartPolicy === "Always" ? sidecars : sum(sidecars, own));
  }
  const running = spec.containers.map(of).reduce((total, one) => sum(total, one), sidecars);
  const all = { ...greater(running, most), ...of(spec) };
  const overhead = amounts(spec.overhead ?? {});
  return Object.fromEntries(
    Object.entries(all).map(([name, amount]) => [name, amount + (overhead[name] ?? 0)]),
  );
}

function sum(one: Amounts, other: Amounts): Amounts {
  const total: Record<string, number> = { ...one };
  for (const [name, amount] of Object.entries(other)) total[name] = (total[name] ?? 0) + amount;
  return total;
}

function greater(one: Amounts, other: Amounts): Amounts {
  const most: Record<string, number> = { ...one };
  for (const [name, amount] of Object.entries(other)) most[name] = Math.max(most[name] ?? 0, amount);
  return most;
}
