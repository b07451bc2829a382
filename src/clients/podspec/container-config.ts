import { ContainerConfig, defaultMaskedPaths, defaultReadonlyPaths } from "../../ground/protocol/index.ts";
import type { ContainerRequest } from "./container-request.ts";
import { environment } from "./environment.ts";
import { expand } from "./expansion.ts";
import { containerNameLabel, identityLabels } from "./labels.ts";
import { mountsOf } from "./mounts.ts";
import { namespaceOptions } from "./sandbox-config.ts";

/** A container, as CRI has it. Throws PodSpecError for what the pod refers to and is not there. */
export async function containerConfig(request: ContainerRequest): Promise<ContainerConfig> {
  const { pod, container, attempt, imageId } = request;
  const { name, image } = container;
  const envs = await environment(request);
  return ContainerConfig.fromPartial({
    metadata: { name, attempt },
    image: { image: imageId, userSpecifiedImage: image },
    command: (container.command ?? []).map((word) => expand(word, envs)),
    args: (container.args ?? []).map((word) => expand(word, envs)),
    workingDir: container.workingDir ?? "",
    envs: [...envs],
    mounts: [...(await mountsOf(request, envs))],
    labels: { ...identityLabels(pod), [containerNameLabel]: name },
    annotations: { [restartCountAnnotation]: String(attempt) },
    logPath: logPath(name, attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      securityContext: {
        namespaceOptions: namespaceOptions(pod),
        maskedPaths: [...defaultMaskedPaths],
        readonlyPaths: [...defaultReadonlyPaths],
      },
    },
  });
}

/** As a kubelet has it. */
export const restartCountAnnotation = "io.kubernetes.container.restartCount";

/** Below the pod's directory of logs. */
export function logPath(container: string, attempt: number): string {
  return `${container}/${attempt}.log`;
}
