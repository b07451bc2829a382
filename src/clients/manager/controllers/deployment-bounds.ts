import type { ManifestOf } from "../../manifests/index.ts";

type Spec = ManifestOf<"Deployment">["spec"];

/** How many more pods there may be during a rollout, and how many fewer that are available. */
export function boundsOf({ replicas = 1, strategy }: Spec): {
  readonly surge: number;
  readonly unavailable: number;
} {
  if (strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const { maxSurge = "25%", maxUnavailable = "25%" } = strategy?.rollingUpdate ?? {};
  const surge = resolveShare(maxSurge, replicas, Math.ceil);
  const unavailable = resolveShare(maxUnavailable, replicas, Math.floor);
  // Of neither nothing would ever be replaced; there may be no room for one more, such as for its ports.
  const some = surge + unavailable === 0 ? 1 : unavailable;
  return { surge, unavailable: Math.min(replicas, some) };
}

/** A number, or a share of all, rounded one way or the other. */
export function resolveShare(value: number | string, all: number, round: (value: number) => number): number {
  if (typeof value === "number") return value;
  return round((Number.parseInt(value, 10) * all) / 100);
}
