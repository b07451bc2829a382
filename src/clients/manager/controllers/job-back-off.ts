import type { StoredPod } from "../objects.ts";
import type { World } from "./world.ts";

/** Delay after the first failed pod, doubled with each further one. */
const firstMs = 10_000;
const longestMs = 600_000;

/**
 * How long a job still waits before it creates another pod: longer after each failure since the last success,
 * including failures that its policy ignores, as in Kubernetes' job controller.
 */
export function backOffLeftMs(pods: readonly StoredPod[], world: World): number {
  const endsOf = (phase: "Succeeded" | "Failed") =>
    pods.filter((pod) => world.podStatus(pod)?.phase === phase).map((pod) => endMs(pod, world));
  const lastSuccessMs = Math.max(0, ...endsOf("Succeeded"));
  const failures = endsOf("Failed").filter((ms) => ms > lastSuccessMs);
  if (failures.length === 0) return 0;
  const waitMs = Math.min(firstMs * 2 ** (failures.length - 1), longestMs);
  return Math.max(0, Math.max(...failures) + waitMs - Number(world.nowNs()) / 1e6);
}

/** When the last container ended; for a pod in which none ran, when the end was noticed. */
function endMs(pod: StoredPod, world: World): number {
  const { containerStatuses = [], initContainerStatuses = [], conditions = [] } = world.podStatus(pod) ?? {};
  const ends = [...initContainerStatuses, ...containerStatuses].flatMap(({ state }) =>
    "terminated" in state ? Date.parse(state.terminated.finishedAt) : [],
  );
  if (ends.length > 0) return Math.max(...ends);
  const unready = conditions.find(({ type, status }) => type === "Ready" && status === "False");
  return unready === undefined ? Number(pod.createdAtNs) / 1e6 : Date.parse(unready.lastTransitionTime);
}
