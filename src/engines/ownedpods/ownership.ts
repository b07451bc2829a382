import {
  type ContainerConfig,
  ownerLabel,
  type PodSandboxConfig,
  type WhenEnded,
  whenEndedActions,
  whenEndedAnnotation,
} from "../../ground/protocol/index.ts";

/** Whether it is somebody's other than a kubelet's, who looks after what it has made. */
export function isOwned({ config }: { readonly config: PodSandboxConfig | ContainerConfig }): boolean {
  return ownerLabel in config.labels;
}

/**
 * What is to be done when a container has ended, or with a pod in which none was ever started; a kubelet's
 * users cannot ask for anything.
 */
export function whenEnded(record: {
  readonly config: PodSandboxConfig | ContainerConfig;
}): WhenEnded | undefined {
  if (!isOwned(record)) return undefined;
  return whenEndedActions.find((action) => action === record.config.annotations[whenEndedAnnotation]);
}
