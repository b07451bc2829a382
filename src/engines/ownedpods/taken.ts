import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { EngineError } from "../engine/index.ts";
import type { OtherPod } from "./engine-pods.ts";
import { refuseTakenPorts } from "./host-ports.ts";

/**
 * Refuses a name or ports of the machine that another pod has: a kubelet has a scheduler that gives these
 * out. Throws EngineError AlreadyExists, and as {@link refuseTakenPorts}.
 */
export async function refuseTaken(config: PodSandboxConfig, others: readonly OtherPod[]): Promise<void> {
  const { name, namespace, uid } = config.metadata ?? { name: "", namespace: "", uid: "" };
  const holder = others.find(
    ({ config: { metadata }, isOver }) =>
      metadata?.name === name &&
      metadata.namespace === namespace &&
      // The same pod's next attempt, after the last one has ended.
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
