import {
  type ContainerConfig,
  ownerLabel,
  type PodSandboxConfig,
  type WhenEnded,
  whenEndedActions,
  whenEndedAnnotation,
} from "../../ground/protocol/index.ts";

/** Whether a client other than a kubelet owns it. A kubelet manages what it has created. */
export function isOwned({ config }: { readonly config: PodSandboxConfig | ContainerConfig }): boolean {
  return ownerLabel in config.labels;
}

/**
 * What to do when a container has ended, or with a pod in which none was ever started; users of a kubelet
 * cannot request anything.
 */
export function whenEnded(record: {
  readonly config: PodSandboxConfig | ContainerConfig;
}): WhenEnded | undefined {
  if (!isOwned(record)) return undefined;
  return whenEndedActions.find((action) => action === record.config.annotations[whenEndedAnnotation]);
}
