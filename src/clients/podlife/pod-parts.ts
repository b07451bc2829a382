import type { EphemeralContainer } from "../manifests/index.ts";
import { pullSecrets } from "../podspec/index.ts";
import { ContainerRemovals } from "./container-removals.ts";
import { PodImages, type PullCredentials } from "./images.ts";
import { type ObservedPod, observePod } from "./observe.ts";
import { PodEnding } from "./pod-ending.ts";
import type { PodWork } from "./pod-work.ts";
import { PodProbes } from "./probes/pod-probes.ts";
import type { ProbeResults } from "./probes/probe-results.ts";
import { isSame, type PodStates } from "./runtime-look.ts";
import { ContainerStarts } from "./start-containers.ts";
import { PodStatusKeeper } from "./status/pod-status-keeper.ts";
import type { PodStatus } from "./status/types.ts";
import { StorageWatch } from "./storage-watch.ts";
import { VolumeRefresh } from "./volume-refresh.ts";

export type PodPartsOptions = {
  readonly work: PodWork;
  readonly credentials: PullCredentials;
  readonly hostIps: readonly string[];
  readonly probeResults: ProbeResults | undefined;
  /** Containers that were added to the pod. */
  readonly ephemeral: () => readonly EphemeralContainer[];
  readonly onStatus: (status: PodStatus) => void;
  /** Called when there may be something to do. */
  readonly onChange: () => void;
  /** Called with a message when the pod exceeds a storage limit. */
  readonly onOverfull: (message: string) => void;
  readonly onFailure: (error: unknown) => void;
};

/** The parts of a pod's worker, except its loop. */
export type PodParts = {
  readonly status: PodStatusKeeper;
  readonly probes: PodProbes;
  readonly storage: StorageWatch;
  readonly volumes: VolumeRefresh;
  readonly starts: ContainerStarts;
  readonly removals: ContainerRemovals;
  readonly ending: PodEnding;
  /** Reads the pod's state from the runtime, and informs the other parts. */
  readonly observe: () => Promise<ObservedPod>;
  /** Whether these states are those that were read last. */
  readonly hasSeen: (states: PodStates) => boolean;
};

/** Creates the parts of one pod's worker and connects them. */
export function podParts(options: PodPartsOptions): PodParts {
  const { work, ephemeral } = options;
  const probes = podProbes(options, () => status.probed());
  const status = new PodStatusKeeper(options, probes);
  let seen: PodStates | undefined;
  const observe = async () => {
    const observed = await observePod(work.runtime, work.pod.metadata.uid);
    seen = observed.states;
    probes.follow(observed);
    await status.observed(observed);
    return observed;
  };
  const starts = new ContainerStarts({
    work,
    images: podImages(options),
    status,
    targetOf: (name) => ephemeral().find((one) => one.name === name)?.targetContainerName,
    onStarted: async () => void (await observe()),
  });
  const removals = new ContainerRemovals({
    ...work,
    onRemoval: ({ id, name, attempt }) => {
      status.countAttempt(name, attempt);
      starts.forget(id);
    },
  });
  return {
    status,
    probes,
    storage: new StorageWatch({ ...work, ...options }),
    volumes: new VolumeRefresh(work),
    starts,
    removals,
    ending: new PodEnding({ work, status, probes, removals, ephemeral, observe }),
    observe,
    hasSeen: (states) => isSame(states, seen),
  };
}

function podProbes(
  { work, hostIps, probeResults, onChange }: PodPartsOptions,
  onProbed: () => void,
): PodProbes {
  return new PodProbes({
    ...work,
    hostIps,
    ...(probeResults === undefined ? {} : { before: probeResults }),
    onChange: () => {
      onProbed();
      onChange();
    },
    onFailure: (container, kind, message) =>
      work.onEvent("Warning", "Unhealthy", `${kind} probe of container ${container} failed: ${message}`),
  });
}

function podImages({ work, credentials }: PodPartsOptions): PodImages {
  const { pod, context, onEvent } = work;
  return new PodImages(work, credentials, (image) =>
    pullSecrets(pod, context, image, (message) =>
      onEvent("Warning", "FailedToRetrieveImagePullSecret", message),
    ),
  );
}
