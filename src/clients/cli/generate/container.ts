import {
  type ContainerConfig,
  type LinuxContainerResources,
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType,
} from "../../../ground/protocol/index.ts";
import type { Container, ContainerPort } from "../../manifests/index.ts";
import { unexpanded } from "../../podspec/index.ts";
import type { FoundVolumes } from "./volumes.ts";

type SecurityContext = NonNullable<Container["securityContext"]>;

/** The container of a manifest that would be translated to this configuration. */
export function containerOf(
  config: ContainerConfig,
  ports: readonly ContainerPort[],
  volumes: FoundVolumes,
): Container {
  const { metadata, image, command, args, workingDir, envs, stdin, stdinOnce, tty, linux } = config;
  const name = metadata?.name ?? "main";
  const securityContext = linux?.securityContext && securityOf(linux.securityContext, name, volumes.notes);
  const resources = linux?.resources && resourcesOf(linux.resources);
  const volumeMounts = config.mounts.flatMap((mount) => volumes.mountOf(mount) ?? []);
  return {
    name,
    image: image?.userSpecifiedImage || image?.image || "",
    // It already runs, so the image is here.
    imagePullPolicy: "IfNotPresent",
    ...listed("command", command.map(unexpanded)),
    ...listed("args", args.map(unexpanded)),
    ...(workingDir === "" ? {} : { workingDir }),
    ...listed(
      "env",
      envs.map(({ key, value }) => ({ name: key, value: unexpanded(Buffer.from(value).toString()) })),
    ),
    ...listed("ports", ports),
    ...(resources === undefined ? {} : { resources }),
    ...listed("volumeMounts", volumeMounts),
    ...(securityContext === undefined ? {} : { securityContext }),
    ...(stdin ? { stdin } : {}),
    ...(stdinOnce ? { stdinOnce } : {}),
    ...(tty ? { tty } : {}),
  };
}

function listed<Key extends string, T>(key: Key, items: readonly T[]): { [K in Key]?: readonly T[] } {
  return items.length === 0 ? {} : ({ [key]: items } as { [K in Key]: readonly T[] });
}

function resourcesOf({
  cpuQuota,
  cpuPeriod,
  cpuShares,
  memoryLimitInBytes,
}: LinuxContainerResources): Container["resources"] {
  const milliCpus = cpuQuota > 0n ? Number((cpuQuota * 1000n) / (cpuPeriod || 100_000n)) : 0;
  const shares = Math.round((Number(cpuShares) * 1000) / 1024);
  const limits = {
    ...(milliCpus === 0 ? {} : { cpu: `${milliCpus}m` }),
    ...(memoryLimitInBytes > 0n ? { memory: String(memoryLimitInBytes) } : {}),
  };
  // Two shares are the minimum, which means that nothing was requested.
  const requests = cpuShares > 2n && shares !== milliCpus ? { cpu: `${shares}m` } : {};
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return undefined;
  return {
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  };
}

function securityOf(
  context: LinuxContainerSecurityContext,
  name: string,
  notes: string[],
): SecurityContext | undefined {
  const { runAsUser, runAsGroup, runAsUsername, privileged, readonlyRootfs, noNewPrivs, capabilities } =
    context;
  if (runAsUsername !== "")
    notes.push(
      `container ${name} runs as the user ${runAsUsername}: a manifest allows only numbers (runAsUser)`,
    );
  const seccompProfile = context.seccomp && profileOf(context.seccomp);
  const appArmorProfile = context.apparmor && profileOf(context.apparmor);
  const { addCapabilities = [], dropCapabilities = [] } = capabilities ?? {};
  const found: SecurityContext = {
    ...(runAsUser === undefined ? {} : { runAsUser: Number(runAsUser.value) }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: Number(runAsGroup.value) }),
    ...(privileged ? { privileged } : {}),
    ...(readonlyRootfs ? { readOnlyRootFilesystem: true } : {}),
    ...(noNewPrivs ? { allowPrivilegeEscalation: false } : {}),
    ...(addCapabilities.length + dropCapabilities.length === 0
      ? {}
      : { capabilities: { ...listed("add", addCapabilities), ...listed("drop", dropCapabilities) } }),
    ...(context.maskedPaths.length === 0 && !privileged ? { procMount: "Unmasked" } : {}),
    ...(seccompProfile === undefined ? {} : { seccompProfile }),
    ...(appArmorProfile === undefined ? {} : { appArmorProfile }),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}

function profileOf({ profileType, localhostRef }: SecurityProfile): SecurityContext["seccompProfile"] {
  switch (profileType) {
    case SecurityProfile_ProfileType.RuntimeDefault:
      return { type: "RuntimeDefault" };
    case SecurityProfile_ProfileType.Localhost:
      return { type: "Localhost", localhostProfile: localhostRef };
    default:
      return { type: "Unconfined" };
  }
}
