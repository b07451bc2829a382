/**
 * Checks requests before the engine gets them. Each check is named after its RPC and returns the request with
 * a type in which required fields are set. Requests of kubelets, crictl and critest pass; values that the
 * kernel, an OCI runtime or a file name could misinterpret do not.
 */
import { isIP } from "node:net";
import {
  type AttachRequest,
  type AuthConfig,
  type CheckpointContainerRequest,
  type CheckpointPodRequest,
  type ContainerFilter,
  ContainerState,
  type ContainerStateValue,
  type ContainerStatsFilter,
  type CreateContainerRequest,
  type ExecRequest,
  type ExecSyncRequest,
  type ImageFilter,
  type ImageSpec,
  type ListContainerStatsRequest,
  type ListContainersRequest,
  type ListImagesRequest,
  type ListPodSandboxRequest,
  type ListPodSandboxStatsRequest,
  type NetworkConfig,
  type PodSandboxFilter,
  PodSandboxState,
  type PodSandboxStateValue,
  type PodSandboxStatsFilter,
  type PortForwardRequest,
  type PullImageRequest,
  type PullSecurityProfileRequest,
  type RestorePodRequest,
  type RunPodSandboxRequest,
  type RuntimeConfig,
  SecurityProfileKind,
  type StopContainerRequest,
  type UpdateContainerResourcesRequest,
  type UpdatePodSandboxResourcesRequest,
  type UpdateRuntimeConfigRequest,
} from "../../../ground/protocol/index.ts";
import {
  all,
  between,
  type Check,
  each,
  ifPresent,
  message,
  noWindows,
  oneOf,
  present,
  type RequestCheck,
  refuse,
  request,
  some,
} from "./check.ts";
import { containerConfig, imageFilterSpec, imageSpec } from "./container.ts";
import { linuxResources } from "./resources.ts";
import { podSandboxConfig } from "./sandbox.ts";
import { pinnedReference } from "./security-profile.ts";
import {
  annotations,
  anyText,
  hostPath,
  id,
  labels,
  line,
  matching,
  nonEmpty,
  orEmpty,
  word,
} from "./text.ts";

const runtimeHandler = orEmpty(
  matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, "the name of a runtime handler"),
);

export const runPodSandbox = request<RunPodSandboxRequest, "config">({
  config: podSandboxConfig,
  runtimeHandler,
});

/** Of every request that is about one sandbox. */
export const podSandboxId = request<{ readonly podSandboxId: string }>({ podSandboxId: id });

/** Of every request that is about one container. */
export const containerId = request<{ readonly containerId: string }>({ containerId: id });

const podSandboxFilter: Check<PodSandboxFilter | undefined> = ifPresent(
  message<PodSandboxFilter>({
    id: orEmpty(id),
    state: ifPresent(message<PodSandboxStateValue>({ state: oneOf(PodSandboxState) })),
    labelSelector: labels,
  }),
);

export const listPodSandbox = request<ListPodSandboxRequest>({ filter: podSandboxFilter });

export const createContainer = request<CreateContainerRequest, "config" | "sandboxConfig">({
  podSandboxId: id,
  config: containerConfig,
  sandboxConfig: podSandboxConfig,
});

/** Annotations are for resources that are not in the API yet; there are none. */
export const updateContainerResources = request<UpdateContainerResourcesRequest>({
  containerId: id,
  linux: linuxResources,
  windows: noWindows,
  annotations,
});

export const updatePodSandboxResources = request<UpdatePodSandboxResourcesRequest>({
  podSandboxId: id,
  overhead: linuxResources,
  resources: linuxResources,
});

/** As in containerd, a negative time kills at once, like 0. */
export const stopContainer = request<StopContainerRequest>({ containerId: id });

const containerFilter: Check<ContainerFilter | undefined> = ifPresent(
  message<ContainerFilter>({
    id: orEmpty(id),
    podSandboxId: orEmpty(id),
    state: ifPresent(message<ContainerStateValue>({ state: oneOf(ContainerState) })),
    labelSelector: labels,
  }),
);

export const listContainers = request<ListContainersRequest>({ filter: containerFilter });

export const listContainerStats = request<ListContainerStatsRequest>({
  filter: ifPresent(
    message<ContainerStatsFilter>({ id: orEmpty(id), podSandboxId: orEmpty(id), labelSelector: labels }),
  ),
});

export const listPodSandboxStats = request<ListPodSandboxStatsRequest>({
  filter: ifPresent(message<PodSandboxStatsFilter>({ id: orEmpty(id), labelSelector: labels })),
});

export const checkpointContainer = request<CheckpointContainerRequest>({
  containerId: id,
  location: hostPath,
  // Seconds.
  timeout: between(0n, 0x7fff_ffff_ffff_ffffn),
});

/** Options are specific to runtimes; none are supported. */
const noOptions: Check<Readonly<Record<string, string>>> = (options, path) => {
  const [key] = Object.keys(options);
  if (key !== undefined) refuse(`${path}[${JSON.stringify(key)}]`, "is not known; no options are supported");
};

export const checkpointPod = request<CheckpointPodRequest>({
  podSandboxId: id,
  outputPath: hostPath,
  containerIds: some(id),
  options: noOptions,
});

export const restorePod = request<RestorePodRequest, "config">({
  checkpointPath: hostPath,
  config: podSandboxConfig,
  runtimeHandler,
  options: noOptions,
  containerConfigs: some(containerConfig),
});

/** As in containerd, a negative time is no limit, like 0. */
export const execSync = request<ExecSyncRequest>({ containerId: id, cmd: some(anyText) });

const execFields = request<ExecRequest>({ containerId: id, cmd: some(anyText) });
const attachFields = request<AttachRequest>({ containerId: id });

export const exec: RequestCheck<ExecRequest, ExecRequest> = (value) => {
  streams(value);
  return execFields(value);
};

export const attach: RequestCheck<AttachRequest, AttachRequest> = (value) => {
  streams(value);
  return attachFields(value);
};

function streams(value: ExecRequest | AttachRequest): void {
  if (!value.stdin && !value.stdout && !value.stderr)
    refuse("stdin", "one of stdin, stdout and stderr must be set");
  if (value.tty && value.stderr) refuse("stderr", "must not be set with tty: a terminal has only one output");
}

export const portForward = request<PortForwardRequest>({ podSandboxId: id, port: each(between(1, 65_535)) });

const imageFilter: Check<ImageFilter | undefined> = ifPresent(
  message<ImageFilter>({ image: imageFilterSpec }),
);

export const listImages = request<ListImagesRequest>({ filter: imageFilter });

/** Of every request that is about one image. */
export const image = request<{ readonly image: PullImageRequest["image"] }, "image">({ image: imageSpec });

/** Tokens may be long. None of these is ever quoted in an error. */
const auth: Check<AuthConfig | undefined> = ifPresent(
  message<AuthConfig>({
    username: line(64 * 1024),
    password: anyText,
    auth: line(1024 * 1024),
    identityToken: line(1024 * 1024),
    registryToken: line(1024 * 1024),
    serverAddress: line(2048),
  }),
);

export const pullImage = request<PullImageRequest, "image">({ image: imageSpec, auth });

export const pullSecurityProfile = request<PullSecurityProfileRequest, "image">({
  image: all(imageSpec, present(message<ImageSpec>({ image: pinnedReference }))),
  auth,
  profileKind: oneOf<SecurityProfileKind>(SecurityProfileKind, [SecurityProfileKind.Seccomp]),
});

export const removeSecurityProfile = request<{ readonly digest: string }>({ digest: nonEmpty(word(256)) });

/** One range of addresses, or two of different families separated by a comma. */
const podCidr: Check<string> = (value, path) => {
  for (const range of value.split(",")) {
    const [, address = "", bits = ""] = /^([^/]+)\/([0-9]{1,3})$/.exec(range) ?? [];
    const family = isIP(address);
    if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) {
      refuse(path, "must be ranges of addresses such as 10.88.0.0/16, separated by commas");
    }
  }
};

export const updateRuntimeConfig = request<UpdateRuntimeConfigRequest>({
  runtimeConfig: ifPresent(
    message<RuntimeConfig>({
      networkConfig: ifPresent(message<NetworkConfig>({ podCidr: orEmpty(podCidr) })),
    }),
  ),
});

export type { RequestCheck };
