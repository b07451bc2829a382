import { ContainerConfig, Mount, Signal } from "../../ground/protocol/index.ts";
import { containerResources } from "./cgroups/container-resources.ts";
import type { ContainerRequest } from "./container-request.ts";
import { environment } from "./environment.ts";
import { PodSpecError } from "./errors.ts";
import { expand } from "./expansion.ts";
import { containerNameLabel, identityLabels } from "./labels.ts";
import { mountsOf } from "./mounts.ts";
import { checkNonRoot, containerSecurity, runsAsImageUser } from "./security.ts";
import { userNamespace } from "./user-namespace.ts";

/** Translates a container to CRI. Throws PodSpecError if something that the pod refers to is missing. */
export async function containerConfig(request: ContainerRequest): Promise<ContainerConfig> {
  const { pod, container, attempt, imageId } = request;
  const { name, image } = container;
  if (runsAsImageUser(pod, container)) checkNonRoot(container, request.imageUser ?? {});
  const envs = await environment(request);
  const users = await userNamespace(pod, request.context);
  // ID-mapped, so that files have the same owners inside and outside, as with a kubelet.
  const owners = users === undefined ? {} : { uidMappings: users.uids, gidMappings: users.gids };
  const mounts = await mountsOf(request, envs);
  return ContainerConfig.fromPartial({
    metadata: { name, attempt },
    image: { image: imageId, userSpecifiedImage: image },
    command: (container.command ?? []).map((word) => expand(word, envs)),
    args: (container.args ?? []).map((word) => expand(word, envs)),
    workingDir: container.workingDir ?? "",
    envs: [...envs],
    mounts: mounts.map((mount) => Mount.fromPartial({ ...mount, ...owners })),
    labels: { ...identityLabels(pod), [containerNameLabel]: name },
    annotations: { [restartCountAnnotation]: String(attempt), [imageAnnotation]: image },
    logPath: logPath(name, attempt),
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    stopSignal: stopSignal(container),
    linux: {
      resources: containerResources(pod.spec, container, request.machine),
      securityContext: containerSecurity(pod, container, users, request.targetId),
    },
  });
}

/** The annotation of a kubelet. */
export const restartCountAnnotation = "io.kubernetes.container.restartCount";

/**
 * The image as the pod named it when the container was created; a runtime may report another of its names.
 */
export const imageAnnotation = "dev.berth.container.image";

/** Path of a log below the pod's log directory. */
export function logPath(container: string, attempt: number): string {
  return `${container}/${attempt}.log`;
}

function stopSignal({ lifecycle }: ContainerRequest["container"]): Signal {
  const name = lifecycle?.stopSignal;
  if (name === undefined) return Signal.SIGNAL_RUNTIME_DEFAULT;
  const number =
    Signal[`SIGNAL_${name.replace("+", "PLUS").replace("RTMAX-", "RTMAXMINUS")}` as keyof typeof Signal];
  if (typeof number === "number") return number;
  throw new PodSpecError("InvalidArgument", `stopSignal ${JSON.stringify(name)} is not a signal`);
}
