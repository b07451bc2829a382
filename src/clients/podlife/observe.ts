import { hasCode } from "../../ground/errors/index.ts";
import {
  ContainerState,
  type ContainerStatus,
  PodSandboxState,
  type PodSandboxStatus,
} from "../../ground/protocol/index.ts";
import { containerNameLabel, imageAnnotation, podUidLabel } from "../podspec/index.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import type { PodStates } from "./runtime-look.ts";

/** A pod's container in the runtime. */
export type ObservedContainer = {
  readonly id: string;
  /** The id as Kubernetes writes it, with the runtime's name: `containerd://7c1a…`. */
  readonly containerID: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly exitCode: number;
  /** The runtime's reason for the end, such as `OOMKilled`. */
  readonly reason: string;
  readonly message: string;
  readonly image: string;
  readonly imageId: string;
  /**
   * As the pod named it; undefined if the runtime does not report it for a container without our annotation.
   */
  readonly askedImage: string | undefined;
  readonly logPath: string;
};

/** A pod's state in the runtime. */
export type ObservedPod = {
  /** The newest sandbox of the pod, if it is ready. */
  readonly sandbox: PodSandboxStatus | undefined;
  /** The others, newest first. */
  readonly oldSandboxes: readonly PodSandboxStatus[];
  /** Containers of the newest sandbox, ready or not: the attempts of each name, newest first. */
  readonly containers: ReadonlyMap<string, readonly ObservedContainer[]>;
  /** The same for all older sandboxes together. */
  readonly earlier: ReadonlyMap<string, readonly ObservedContainer[]>;
  /** Of the newest sandbox, ready or not, and its containers. */
  readonly states: PodStates;
};

/** Reads a pod's state from the runtime. What is removed meanwhile is left out. */
export async function observePod(runtime: PodRuntime, uid: string): Promise<ObservedPod> {
  const labels = { [podUidLabel]: uid };
  const [runtimeName, sandboxIds, listed] = await Promise.all([
    runtime.name(),
    runtime.sandboxIds(labels),
    runtime.containers(labels),
  ]);
  const [sandboxes, statuses] = await Promise.all([
    Promise.all(sandboxIds.map((id) => unlessGone(runtime.sandboxStatus(id)))),
    Promise.all(listed.map(({ id }) => unlessGone(runtime.containerStatus(id)))),
  ]);
  const ordered = sandboxes
    .filter((one) => one !== undefined)
    .sort((a, b) => (b.metadata?.attempt ?? 0) - (a.metadata?.attempt ?? 0));
  const [newest, ...older] = ordered;
  const isReady = newest?.state === PodSandboxState.SANDBOX_READY;
  const ofNewest = new Set(listed.filter((one) => one.podSandboxId === newest?.id).map(({ id }) => id));
  const observed = statuses
    .filter((one) => one !== undefined)
    .map((one) => observeContainer(one, runtimeName));
  return {
    sandbox: isReady ? newest : undefined,
    oldSandboxes: isReady ? older : ordered,
    containers: byName(observed.filter(({ id }) => ofNewest.has(id))),
    earlier: byName(observed.filter(({ id }) => !ofNewest.has(id))),
    states: new Map(
      [newest, ...statuses.filter((one) => one !== undefined && ofNewest.has(one.id))]
        .filter((one) => one !== undefined)
        .map(({ id, state }) => [id, state]),
    ),
  };
}

function observeContainer(status: ContainerStatus, runtimeName: string): ObservedContainer {
  return {
    id: status.id,
    containerID: `${runtimeName}://${status.id}`,
    name: status.labels[containerNameLabel] ?? status.metadata?.name ?? "",
    attempt: status.metadata?.attempt ?? 0,
    state: stateOf(status),
    startedAtNs: status.startedAt,
    finishedAtNs: status.finishedAt,
    exitCode: status.exitCode,
    reason: status.reason,
    message: status.message,
    image: status.image?.userSpecifiedImage || status.image?.image || "",
    imageId: status.imageId || status.imageRef,
    // Older versions of berth stored it only in the specification, which not every runtime returns.
    askedImage: status.annotations[imageAnnotation] ?? (status.image?.userSpecifiedImage || undefined),
    logPath: status.logPath,
  };
}

function stateOf({ state }: ContainerStatus): ObservedContainer["state"] {
  switch (state) {
    case ContainerState.CONTAINER_CREATED:
      return "created";
    case ContainerState.CONTAINER_RUNNING:
      return "running";
    case ContainerState.CONTAINER_EXITED:
      return "exited";
    default:
      return "unknown";
  }
}

function byName(containers: readonly ObservedContainer[]): Map<string, readonly ObservedContainer[]> {
  const grouped = Map.groupBy(containers, ({ name }) => name);
  for (const attempts of grouped.values()) attempts.sort((a, b) => b.attempt - a.attempt);
  return grouped;
}

async function unlessGone<T>(status: Promise<T>): Promise<T | undefined> {
  try {
    return await status;
  } catch (error) {
    if (hasCode(error, "NotFound")) return undefined;
    throw error;
  }
}
