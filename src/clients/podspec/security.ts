import {
  defaultMaskedPaths,
  defaultReadonlyPaths,
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceMode,
  NamespaceOption,
  SecurityProfile,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
  type UserNamespace,
} from "../../ground/protocol/index.ts";
import type { Container } from "../manifests/index.ts";
import type { ImageUser } from "./container-request.ts";
import { PodSpecError } from "./errors.ts";
import type { Pod } from "./pod.ts";

/** The security context of a pod's sandbox. */
export function sandboxSecurity(pod: Pod, users: UserNamespace | undefined): LinuxSandboxSecurityContext {
  const { securityContext = {}, containers, initContainers = [] } = pod.spec;
  const { runAsUser, runAsGroup, seLinuxOptions } = securityContext;
  return LinuxSandboxSecurityContext.fromPartial({
    namespaceOptions: namespaceOptions(pod, users),
    privileged: [...initContainers, ...containers].some((one) => one.securityContext?.privileged === true),
    ...(runAsUser === undefined ? {} : { runAsUser: { value: BigInt(runAsUser) } }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: BigInt(runAsGroup) } }),
    ...(seLinuxOptions === undefined ? {} : { selinuxOptions: seLinuxOptions }),
    ...groups(pod),
    // The same as a kubelet's; it confines the pause process, if any.
    seccomp: profile({ type: "RuntimeDefault" }),
  });
}

/** The namespaces that the pod's containers share with each other and with the machine. */
function namespaceOptions({ spec }: Pod, usernsOptions: UserNamespace | undefined): NamespaceOption {
  const pid = spec.hostPID === true ? NamespaceMode.NODE : NamespaceMode.CONTAINER;
  return NamespaceOption.fromPartial({
    network: spec.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    ipc: spec.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: spec.shareProcessNamespace === true ? NamespaceMode.POD : pid,
    ...(usernsOptions === undefined ? {} : { usernsOptions }),
  });
}

/** The security context of a container; its own settings override those of the pod. */
export function containerSecurity(
  pod: Pod,
  container: Container,
  users: UserNamespace | undefined,
  targetId?: string,
): LinuxContainerSecurityContext {
  const { securityContext: ofPod = {} } = pod.spec;
  const { securityContext: own = {} } = container;
  const runAsUser = own.runAsUser ?? ofPod.runAsUser;
  const runAsGroup = own.runAsGroup ?? ofPod.runAsGroup;
  const seLinux = own.seLinuxOptions ?? ofPod.seLinuxOptions;
  const appArmor = own.appArmorProfile ?? annotatedAppArmor(pod, container) ?? ofPod.appArmorProfile;
  const privileged = own.privileged ?? false;
  if ((own.runAsNonRoot ?? ofPod.runAsNonRoot) === true && runAsUser === 0)
    throw new PodSpecError(
      "FailedPrecondition",
      `container ${container.name} has runAsNonRoot and runAsUser 0 and would run as root`,
    );
  const unmasked = privileged || own.procMount === "Unmasked";
  return LinuxContainerSecurityContext.fromPartial({
    namespaceOptions: {
      ...namespaceOptions(pod, users),
      ...(targetId === undefined ? {} : { pid: NamespaceMode.TARGET, targetId }),
    },
    privileged,
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: [...(own.capabilities?.add ?? [])],
      dropCapabilities: [...(own.capabilities?.drop ?? [])],
    },
    ...(runAsUser === undefined ? {} : { runAsUser: { value: BigInt(runAsUser) } }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: BigInt(runAsGroup) } }),
    ...(seLinux === undefined ? {} : { selinuxOptions: seLinux }),
    ...groups(pod),
    seccomp: profile(own.seccompProfile ?? ofPod.seccompProfile ?? { type: "Unconfined" }),
    ...(appArmor === undefined ? {} : { apparmor: profile(appArmor) }),
    maskedPaths: unmasked ? [] : [...defaultMaskedPaths],
    readonlyPaths: unmasked ? [] : [...defaultReadonlyPaths],
  });
}

/**
 * The AppArmor profile in the annotation from before the field existed (Kubernetes 1.30); the field takes
 * precedence.
 */
function annotatedAppArmor({ metadata }: Pod, { name }: Container) {
  const value = metadata.annotations[`container.apparmor.security.beta.kubernetes.io/${name}`];
  switch (value) {
    case undefined:
    case "":
      return undefined;
    case "runtime/default":
      return { type: "RuntimeDefault" } as const;
    case "unconfined":
      return { type: "Unconfined" } as const;
  }
  const local = "localhost/";
  if (value.startsWith(local))
    return { type: "Localhost", localhostProfile: value.slice(local.length) } as const;
  throw new PodSpecError(
    "InvalidArgument",
    `the AppArmor profile ${JSON.stringify(value)} in the annotation of container ${name} is not valid`,
  );
}

/** Whether a container must not be root and names no user, so that it depends on the image's user. */
export function runsAsImageUser(pod: Pod, container: Container): boolean {
  const { securityContext: own = {} } = container;
  const runAsUser = own.runAsUser ?? pod.spec.securityContext?.runAsUser;
  return (own.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot) === true && runAsUser === undefined;
}

/** Throws PodSpecError unless the image names a numeric user other than root, as a kubelet requires. */
export function checkNonRoot({ name: container, image }: Container, { uid, name }: ImageUser): void {
  const refuse = (why: string) => {
    throw new PodSpecError(
      "FailedPrecondition",
      `container ${container} has runAsNonRoot, and image ${image} ${why}; set runAsUser to a number`,
    );
  };
  if (uid === undefined && name !== undefined && name !== "")
    refuse(`has the user ${JSON.stringify(name)}, of which it is not known whether it is root`);
  if ((uid ?? 0) === 0) refuse("runs as root");
}

/** fsGroup is added to a pod's groups, so that its processes can use the volumes that belong to it. */
function groups({ spec }: Pod) {
  const { supplementalGroups = [], fsGroup, supplementalGroupsPolicy = "Merge" } = spec.securityContext ?? {};
  return {
    supplementalGroups: [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])].map(BigInt),
    supplementalGroupsPolicy: SupplementalGroupsPolicy[supplementalGroupsPolicy],
  };
}

const profileTypes = {
  Localhost: SecurityProfile_ProfileType.Localhost,
  RuntimeDefault: SecurityProfile_ProfileType.RuntimeDefault,
  Unconfined: SecurityProfile_ProfileType.Unconfined,
} as const;

function profile({
  type,
  localhostProfile = "",
}: {
  readonly type: keyof typeof profileTypes;
  readonly localhostProfile?: string;
}): SecurityProfile {
  return SecurityProfile.fromPartial({ profileType: profileTypes[type], localhostRef: localhostProfile });
}
