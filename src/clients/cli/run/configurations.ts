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

/** Where kubelets keep logs; `berth logs` reads wherever the endpoint says they are. */
const defaultLogRoot = "/var/log/pods";

/** Pods of `berth run` refer to nothing, and have nothing on the machine but their logs. */
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

/** The sandbox of a pod that is made for the run. */
export async function newSandbox(
  pod: RunPod,
  options: Pick<RunOptions, "logDir" | "rm">,
): Promise<PodSandboxConfig> {
  const config = await sandboxConfig(pod, 0, contextOf(options), "");
  // For a client that is gone before there is a container to end.
  return options.rm === true ? { ...config, annotations: { [whenEndedAnnotation]: "remove-pod" } } : config;
}

/** The sandbox of a pod that is there, as far as a container needs it, and the run's pod as part of it. */
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

/** The container of the run: made of `imageId`, in the pod's sandbox. Throws PodSpecError. */
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

/** What berthd does when it has ended: also when we are not there any more. */
function whenEnded({ pod, rm: remove = false }: RunOptions): Record<string, WhenEnded> {
  if (pod === undefined) return { [whenEndedAnnotation]: remove ? "remove-pod" : "stop-pod" };
  return remove ? { [whenEndedAnnotation]: "remove" } : {};
}
