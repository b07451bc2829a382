import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { PodServices } from "../services.ts";

/**
 * When the latest of a pod's sandboxes and of the containers in them was created; 0 when there is none.
 * Kubelets take the sandbox and the container that were created last for the current ones. A new one must be
 * later also when the clock was set back meanwhile, or they would see the old one as current for that time.
 */
export function latestOfPod(
  { metadata: pod }: PodSandboxConfig,
  { sandboxes, containers }: Pick<PodServices, "sandboxes" | "containers">,
): bigint {
  const ofPod = sandboxes
    .list()
    .filter(
      ({ config: { metadata } }) =>
        metadata?.uid === pod?.uid && metadata?.name === pod?.name && metadata?.namespace === pod?.namespace,
    );
  const ids = new Set(ofPod.map(({ id }) => id));
  const inThem = containers.list().filter(({ sandboxId }) => ids.has(sandboxId));
  let latest = 0n;
  for (const { createdAtNs } of [...ofPod, ...inThem]) if (createdAtNs > latest) latest = createdAtNs;
  return latest;
}
