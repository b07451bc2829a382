import { resolve } from "node:path";
import {
  ContainerConfig,
  PodSandboxConfig,
  type PodSandboxStatus,
  type WhenEnded,
  whenEndedAnnotation,
} from "../../../ground/protocol/index.ts";
import {
  containerConfig,
  logDirectory,
  machineMemory,
  machineUsersDir,
  type PodContext,
  sandboxConfig,
} from "../../podspec/index.ts";
import type { RunPod } from "./new-pod.ts";
import type { RunOptions } from "./options.ts";

/** The log directory of kubelets; `berth logs` reads the path that the endpoint reports. */
const defaultLogRoot = "/var/log/pods";

/** Pods of `berth run` refer to no other objects, and have only logs on the machine. */
function contextOf({ logDir = defaultLogRoot }: Pick<RunOptions, "logDir">): PodContext {
  return {
    podsDir: undefined,
    usersDir: machineUsersDir,
    logRoot: resolve(logDir),
    hostIps: [],
    allocatable: {},
    clusterDns: async () => [],
    objects: {
      configMap: () => undefined,
      secret: () => undefined,
      services: () => [],
      claimDirectory: async () => undefined,
    },
  };
}

/** The sandbox configuration of a pod that is created for the run. */
export async function newSandbox(
  pod: RunPod,
  options: Pick<RunOptions, "logDir" | "rm">,
): Promise<PodSandboxConfig> {
  const config = await sandboxConfig(pod, 0, contextOf(options), "");
  // In case the client goes away before there is a container whose end matters.
  return options.rm === true ? { ...config, annotations: { [whenEndedAnnotation]: "remove-pod" } } : config;
}

/**
 * The configuration of an existing pod's sandbox, as far as a container needs it, and the run's pod as part
 * of it.
 */
export function inExistingPod(
  pod: RunPod,
  { metadata, labels, annotations, linux }: PodSandboxStatus,
  options: Pick<RunOptions, "logDir">,
): { readonly sandbox: PodSandboxConfig; readonly pod: RunPod } {
  const { name, namespace, uid } = metadata ?? pod.metadata;
  const ofIt = { ...pod, metadata: { ...pod.metadata, name, namespace, uid } };
  const sandbox = PodSandboxConfig.fromPartial({
    ...(metadata === undefined ? {} : { metadata }),
    logDirectory: logDirectory(contextOf(options), ofIt),
    labels,
    annotations,
    linux: { securityContext: { namespaceOptions: linux?.namespaces?.options ?? {} } },
  });
  return { sandbox, pod: ofIt };
}

/** The configuration of the run's container, from `imageId`, in the pod's sandbox. Throws PodSpecError. */
export async function runContainer(
  pod: RunPod,
  { sandbox, imageId }: { readonly sandbox: PodSandboxConfig; readonly imageId: string },
  options: RunOptions,
): Promise<ContainerConfig> {
  const { container, username = "", metadata } = pod;
  const config = await containerConfig({
    pod,
    container,
    attempt: 0,
    imageId,
    sandbox,
    podIps: [],
    context: contextOf(options),
    machine: await machineMemory(),
  });
  const namespaceOptions = sandbox.linux?.securityContext?.namespaceOptions;
  return ContainerConfig.fromPartial({
    ...config,
    labels: { ...metadata.labels, ...config.labels },
    annotations: { ...config.annotations, ...whenEnded(options) },
    linux: {
      ...config.linux,
      securityContext: {
        ...config.linux?.securityContext,
        runAsUsername: username,
        ...(namespaceOptions === undefined ? {} : { namespaceOptions }),
      },
    },
  });
}

/** What berthd does when the container has ended, even if we are no longer there. */
function whenEnded({ pod, rm: remove = false }: RunOptions): Record<string, WhenEnded> {
  if (pod === undefined) return { [whenEndedAnnotation]: remove ? "remove-pod" : "stop-pod" };
  return remove ? { [whenEndedAnnotation]: "remove" } : {};
}
