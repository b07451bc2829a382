import { constants } from "node:os";
import type { Container, Image } from "../../../engines/engine/index.ts";
import * as cri from "../../../ground/protocol/index.ts";
import { Signal } from "../../../ground/protocol/index.ts";

/** An entry of ListContainers. */
export function toContainer(container: Container): cri.Container {
  return {
    id: container.id,
    podSandboxId: container.sandboxId,
    metadata: container.config.metadata,
    image: container.config.image,
    imageRef: container.imageRef,
    imageId: container.imageId,
    state: containerState(container),
    createdAt: container.createdAtNs,
    labels: container.config.labels,
    annotations: container.config.annotations,
  };
}

/** `image` is the container's image if it still exists: it provides the name that users know. */
export function toContainerStatus(container: Container, image: Image | undefined): cri.ContainerStatus {
  const { config, state } = container;
  const exited = state.kind === "exited" ? state : undefined;
  return {
    id: container.id,
    metadata: config.metadata,
    state: containerState(container),
    createdAt: container.createdAtNs,
    startedAt: state.kind === "running" || state.kind === "exited" ? state.startedAtNs : 0n,
    finishedAt: exited?.finishedAtNs ?? 0n,
    exitCode: exited?.exitCode ?? 0,
    reason: exited?.reason ?? "",
    message: exited?.message ?? "",
    image: imageSpec(config.image, image),
    imageRef: container.imageRef,
    imageId: container.imageId,
    labels: config.labels,
    annotations: config.annotations,
    mounts: toMounts(container),
    logPath: container.logPath,
    resources: { linux: container.resources, windows: undefined },
    user: { linux: toUser(container) },
    stopSignal: toStopSignal(container),
  };
}

const stateByKind = {
  created: cri.ContainerState.CONTAINER_CREATED,
  running: cri.ContainerState.CONTAINER_RUNNING,
  exited: cri.ContainerState.CONTAINER_EXITED,
  unknown: cri.ContainerState.CONTAINER_UNKNOWN,
} as const;

export function containerState(container: Container): cri.ContainerState {
  return stateByKind[container.state.kind];
}

/**
 * A kubelet creates containers by image id, and shows this as the container's image: one of the image's tags,
 * preferably the pod's.
 */
function imageSpec(asked: cri.ImageSpec | undefined, image: Image | undefined): cri.ImageSpec | undefined {
  const written = asked?.userSpecifiedImage || asked?.image;
  const tag =
    image?.repoTags.find((one) => one === written || one.endsWith(`/${written}`)) ?? image?.repoTags[0];
  if (tag === undefined || asked === undefined) return asked;
  return { ...asked, image: tag };
}

/** A mounted image's id is included, since names may later point to another image (KEP-5365). */
function toMounts({ config, imageVolumes }: Container): cri.Mount[] {
  const ids = new Map(imageVolumes.map(({ mount, imageId }) => [mount, imageId]));
  return config.mounts.map((mount, index) => {
    const imageRef = ids.get(index);
    if (mount.image === undefined || imageRef === undefined) return mount;
    return { ...mount, image: { ...mount.image, imageRef } };
  });
}

function toUser({ user }: Container): cri.LinuxContainerUser {
  return {
    uid: BigInt(user.uid),
    gid: BigInt(user.gid),
    supplementalGroups: user.supplementalGroups.map((group) => BigInt(group)),
  };
}

/** The requested name is kept if the kernel has two names for one number. */
function toStopSignal({ config, stopSignal }: Container): cri.Signal {
  return config.stopSignal === cri.Signal.SIGNAL_RUNTIME_DEFAULT
    ? signalFromNumber(stopSignal)
    : config.stopSignal;
}

/** glibc keeps the kernel's first two real-time signals, 32 and 33, for itself. */
const firstRealTime = 34;
const lastRealTime = 64;

const namesByNumber = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Of two names of one signal the first is the usual one (SIGABRT before SIGIOT, SIGIO before SIGPOLL).
  if (!namesByNumber.has(number)) namesByNumber.set(number, name);
}

/** CRI's name of a signal that Linux numbers so; SIGNAL_RUNTIME_DEFAULT if it has none. */
export function signalFromNumber(number: number): Signal {
  const name = `SIGNAL_${namesByNumber.get(number) ?? realTimeName(number)}`;
  return (Signal as Readonly<Record<string, Signal>>)[name] ?? Signal.SIGNAL_RUNTIME_DEFAULT;
}

/**
 * As in bash and systemd: relative to SIGRTMIN up to SIGRTMIN+15, then relative to SIGRTMAX from SIGRTMAX-14.
 */
function realTimeName(number: number): string {
  if (number === firstRealTime) return "SIGRTMIN";
  if (number === lastRealTime) return "SIGRTMAX";
  if (number <= firstRealTime + 15) return `SIGRTMINPLUS${number - firstRealTime}`;
  return `SIGRTMAXMINUS${lastRealTime - number}`;
}
