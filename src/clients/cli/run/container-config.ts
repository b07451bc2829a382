import {
  ContainerConfig,
  defaultMaskedPaths,
  defaultReadonlyPaths,
  LinuxContainerResources,
  type NamespaceOption,
  type PodSandboxConfig,
  type WhenEnded,
  whenEndedAnnotation,
} from "../../../ground/protocol/index.ts";
import type { Io } from "../invocation.ts";
import { parseCpus } from "../values/cpus.ts";
import { parseEnv } from "../values/env.ts";
import { parseKeyValues } from "../values/key-value.ts";
import { parseSecurityOptions } from "../values/security-option.ts";
import { parseSize } from "../values/size.ts";
import { parseUser } from "../values/user.ts";
import { parseVolume } from "../values/volume.ts";
import type { RunOptions } from "./options.ts";
import { baseName, kubernetesLabels, uniqueName } from "./pod-config.ts";

/**
 * What `berth run` asks the container to be. `imageId` is what it is made from, `image` what the user called
 * it. Throws CliError.
 */
export function containerConfig(
  {
    image,
    imageId,
    args,
  }: { readonly image: string; readonly imageId: string; readonly args: readonly string[] },
  pod: PodSandboxConfig,
  options: RunOptions,
  env: Io["env"],
): ContainerConfig {
  const name = options.name ?? (options.pod === undefined ? baseName(image) : uniqueName(image));
  const podLabels = pod.metadata === undefined ? {} : kubernetesLabels(pod.metadata);
  return ContainerConfig.fromPartial({
    metadata: { name, attempt: 0 },
    image: { image: imageId, userSpecifiedImage: image },
    command: options.entrypoint === undefined ? [] : [options.entrypoint],
    args: [...args],
    workingDir: options.workdir ?? "",
    envs: (options.env ?? []).map((text) => parseEnv(text, env)),
    mounts: (options.volume ?? []).map(parseVolume),
    annotations: whenEnded(options),
    labels: {
      ...parseKeyValues(options.label ?? [], "--label"),
      ...podLabels,
      "io.kubernetes.container.name": name,
    },
    logPath: `${name}/0.log`,
    ...terminal(options),
    linux: {
      resources: resources(options),
      securityContext: {
        ...namespaces(pod.linux?.securityContext?.namespaceOptions),
        ...(options.user === undefined ? {} : parseUser(options.user)),
        ...parseSecurityOptions(options.securityOpt ?? []),
        // A runtime takes an empty list for one: a client must say what is usual.
        maskedPaths: [...defaultMaskedPaths],
        readonlyPaths: [...defaultReadonlyPaths],
      },
    },
  });
}

/** What berthd does when it has ended: also when we are not there any more. */
function whenEnded({ pod, rm: remove = false }: RunOptions): Record<string, WhenEnded> {
  if (pod === undefined) return { [whenEndedAnnotation]: remove ? "remove-pod" : "stop-pod" };
  return remove ? { [whenEndedAnnotation]: "remove" } : {};
}

/**
 * Its input ends with ours, unless there may be another attachment: in the background, or after detaching
 * from a terminal.
 */
function terminal({ stdin = false, tty = false, detach = false }: RunOptions) {
  return { stdin, tty, stdinOnce: stdin && !tty && !detach };
}

function namespaces(namespaceOptions: NamespaceOption | undefined): { namespaceOptions?: NamespaceOption } {
  return namespaceOptions === undefined ? {} : { namespaceOptions };
}

function resources({ cpus, memory }: RunOptions): LinuxContainerResources {
  return LinuxContainerResources.fromPartial({
    ...(cpus !== undefined && parseCpus(cpus)),
    ...(memory !== undefined && { memoryLimitInBytes: parseSize(memory, "--memory") }),
  });
}
