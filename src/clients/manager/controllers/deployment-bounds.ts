import type { ManifestOf } from "../../manifests/index.ts";

type Spec = ManifestOf<"Deployment">["spec"];

/** How many additional pods there may be during a rollout, and how many may be unavailable. */
export function boundsOf({ replicas = 1, strategy }: Spec): {
  readonly surge: number;
  readonly unavailable: number;
} {
  if (strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const { maxSurge = "25%", maxUnavailable = "25%" } = strategy?.rollingUpdate ?? {};
  const surge = resolveShare(maxSurge, replicas, Math.ceil);
  const unavailable = resolveShare(maxUnavailable, replicas, Math.floor);
  // With both 0, nothing would ever be replaced. One may be unavailable then, since an additional pod may not
  // fit, for example because of its ports.
  const some = surge + unavailable === 0 ? 1 : unavailable;
  return { surge, unavailable: Math.min(replicas, some) };
}

/** Resolves a number, or a percentage of all, with the given rounding. */
export function resolveShare(value: number | string, all: number, round: (value: number) => number): number {
  if (typeof value === "number") return value;
  return round((Number.parseInt(value, 10) * all) / 100);
}
