import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { EngineError } from "../engine/index.ts";
import type { OtherPod } from "./engine-pods.ts";
import { refuseTakenPorts } from "./host-ports.ts";

/**
 * Rejects a name or host ports that another pod has; for a kubelet, the scheduler ensures this. Throws
 * EngineError AlreadyExists, and as {@link refuseTakenPorts}.
 */
export async function refuseTaken(config: PodSandboxConfig, others: readonly OtherPod[]): Promise<void> {
  const { name, namespace, uid } = config.metadata ?? { name: "", namespace: "", uid: "" };
  const holder = others.find(
    ({ config: { metadata }, isOver }) =>
      metadata?.name === name &&
      metadata.namespace === namespace &&
      // This is the same pod's next attempt, after the previous one has ended.
      !(metadata.uid === uid && isOver),
  );
  if (holder !== undefined) {
    throw new EngineError(
      "AlreadyExists",
      `the name ${namespace}/${name} is already used by pod ${holder.id.slice(0, 13)}; remove that pod, or choose another name`,
    );
  }
  await refuseTakenPorts(config, others);
}
