import { posix } from "node:path";
import type { LookUp } from "../../../../ground/hostpaths/index.ts";
import type { UnusableFiles } from "../../../../ground/logging/index.ts";
import type { LinuxContainerSecurityContext, Mount } from "../../../../ground/protocol/index.ts";
import type { AppArmor } from "../../apparmor/app-armor.ts";
import { readHooks, unusableHooks } from "../../hooks/read-hooks.ts";
import type { SeLinux, SeLinuxLabels } from "../../selinux/se-linux.ts";
import { checkDelegation } from "../cgroup-view.ts";
import { resolveEdits } from "../edits/resolve-edits.ts";
import type { HostFacts } from "../host-facts.ts";
import type { ContainerSpecInput, ResolvedContainer, ResolvedMount, SandboxFacts } from "../input.ts";
import { sandboxFilePaths } from "../mounts.ts";
import { seccompChoice } from "../seccomp/container-seccomp.ts";
import { profileChoice } from "../security-profile.ts";
import type { OciUser } from "../types.ts";
import { resolveAppArmor } from "./app-armor.ts";
import { configuredDevices, type DeviceOwner, hostDevices } from "./devices.ts";
import type { ImageLookups } from "./image-lookups.ts";
import { checkKernelDirectories } from "./kernel-directories.ts";
import { describeMount, resolveMount, withSourceFlags } from "./mounts.ts";
import { type PulledProfiles, pulledProfile, pulledProfileIfThere } from "./pulled-profile.ts";
import { placeBehindDanglingLink } from "./rootfs-file.ts";
import { seccompProfileFile } from "./seccomp-file.ts";
import { type FoundUser, resolveUser } from "./user.ts";
import { readUserDatabase, type UserDatabase } from "./user-database.ts";

type Input = Pick<
  ContainerSpecInput,
  "config" | "image" | "rootfsPath" | "privilegedWithoutHostDevices" | "settings" | "edits" | "labels"
> & {
  readonly sandbox: Pick<SandboxFacts, "idMappings">;
  readonly host: Pick<HostFacts, "appArmor" | "cgroups">;
  readonly appArmor: AppArmor;
  readonly seLinux: SeLinux | undefined;
  /** The pod whose SELinux label its volumes get. */
  readonly podId: string;
  /** For paths in the configuration. */
  readonly lookUp: LookUp;
  /** Gets the hooks that cannot be used. */
  readonly unusableFiles: UnusableFiles;
  readonly pulledProfiles: PulledProfiles;
  /** The user that was found at the container's creation, if the root file system was read then. */
  readonly knownUser?: FoundUser;
  /** For caching lookups, if the root file system is unchanged from the image. */
  readonly unwritten?: { readonly imageId: string; readonly lookups: ImageLookups };
};

/**
 * Looks up on disk what a container's spec needs: its user in the root file system's own /etc/passwd and
 * /etc/group (once for each image, if nobody has written to them), the sources of its mounts (a missing one
 * is created as a directory, as in containerd, and one that needs the pod's SELinux label gets it), its
 * devices, its seccomp file, its AppArmor profile, and OCI hooks. The root file system must be mounted.
 *
 * Throws RuntimeError: InvalidArgument, FailedPrecondition (no such user, a mount that does not propagate as
 * requested, no such device or profile, a root file system without directories for /proc, /sys or /dev, an
 * unusable hook, cgroups that must not be written to), Unavailable (a path of the configuration that does not
 * respond).
 */
export async function resolveContainer(input: Input): Promise<ResolvedContainer> {
  const { config, rootfsPath, labels, seLinux, unwritten } = input;
  const [imageUsers] = await Promise.all([
    unwritten?.lookups.users(unwritten.imageId, rootfsPath),
    unwritten ?? input.knownUser ?? checkKernelDirectories(rootfsPath),
    checkDelegation(input),
  ]);
  const [{ user, home }, mounts, places, found] = await Promise.all([
    input.knownUser ?? findUser(input, imageUsers),
    Promise.all(config.mounts.map((mount) => findMount(mount, input))),
    findPlaces(input),
    findOthers(input, pulledProfile),
  ]);
  if (labels !== undefined && seLinux !== undefined) await relabelVolumes(input, mounts, labels, seLinux);
  return { ...found, user, home, mounts, places, edits: await resolvedEdits(input, user) };
}

/**
 * The same for a container that is only inspected, and need not be able to run: nothing is created, its root
 * file system need not be mounted, and the sources of its mounts need not exist. `user` is the one that was
 * found at its creation.
 */
export async function describeContainer(
  input: Omit<Input, "sandbox">,
  { user, home }: FoundUser,
): Promise<ResolvedContainer> {
  const [mounts, found] = await Promise.all([
    Promise.all(input.config.mounts.map((mount) => describeMount(mount, input.lookUp))),
    findOthers(input, pulledProfileIfThere),
  ]);
  const places = new Map<string, string>();
  return { ...found, user, home, mounts, places, edits: await resolvedEdits(input, user) };
}

async function findUser(
  { config, image, rootfsPath }: Input,
  imageUsers: UserDatabase | undefined,
): Promise<FoundUser> {
  const users = imageUsers ?? (await readUserDatabase(rootfsPath));
  return resolveUser(users, config.linux?.securityContext, image.user);
}

async function findMount(mount: Mount, { sandbox, settings, lookUp }: Input): Promise<ResolvedMount> {
  const resolved = await resolveMount(mount, settings.absentMountSourcesToReject, lookUp);
  return sandbox.idMappings === undefined ? resolved : withSourceFlags(resolved, lookUp);
}

/** Returns nothing at the container's creation, when the root file system is not mounted yet. */
async function findPlaces({ config, rootfsPath, unwritten }: Input): Promise<ResolvedContainer["places"]> {
  if (unwritten !== undefined) return new Map();
  const paths = new Set([...sandboxFilePaths, ...config.mounts.map(({ containerPath }) => containerPath)]);
  const mounted = new Set(Array.from(paths, (path) => posix.resolve("/", path)));
  const isMounted = (path: string) => mounted.has(path);
  const places = new Map<string, string>();
  await Promise.all(
    Array.from(paths, async (path) => {
      // The kernel's file systems are mounted there first.
      if (/^\/(dev|proc|sys)(\/|$)/.test(path)) return;
      const place = await placeBehindDanglingLink(rootfsPath, path, isMounted);
      if (place !== undefined) places.set(path, place);
    }),
  );
  return places;
}

/** Everything that is neither in the root file system nor created. */
async function findOthers(
  {
    config,
    privilegedWithoutHostDevices,
    settings,
    host,
    appArmor: kernelProfiles,
    lookUp,
    unusableFiles,
    pulledProfiles,
  }: Omit<Input, "sandbox">,
  pulled: typeof pulledProfile,
): Promise<Omit<ResolvedContainer, "user" | "home" | "mounts" | "places" | "edits">> {
  const security = config.linux?.securityContext;
  const privileged = security?.privileged ?? false;
  const owner = settings.deviceOwnershipFromSecurityContext ? ownerOf(security) : {};
  const appArmor = profileChoice("AppArmor", security?.apparmor, security?.apparmorProfile ?? "");
  const seccomp = seccompChoice(security, settings.security);
  const [devices, allDevices, seccompProfile, pulledSeccompProfile, appArmorProfile, hooks] =
    await Promise.all([
      Promise.all(config.devices.map((device) => configuredDevices(device, owner, lookUp))),
      privileged && !privilegedWithoutHostDevices ? hostDevices(lookUp) : [],
      seccompProfileFile(seccomp, settings.security, lookUp),
      pulled(seccomp, pulledProfiles),
      resolveAppArmor({ choice: appArmor, privileged }, host, settings.security, kernelProfiles),
      readHooks(settings.hooksDirs),
    ]);
  unusableFiles.found("OCI hooks", unusableHooks(hooks));
  return {
    devices: devices.flat(),
    hostDevices: allDevices,
    seccompProfile,
    pulledSeccompProfile,
    appArmorProfile,
    hooks,
  };
}

function resolvedEdits(
  { edits, lookUp }: Pick<Input, "edits" | "lookUp">,
  user: OciUser,
): Promise<ResolvedContainer["edits"]> {
  return Promise.all(edits.map((each) => resolveEdits(each, user, lookUp)));
}

/** Only the security context's own values, as in other runtimes: an image's user does not affect devices. */
function ownerOf(security: LinuxContainerSecurityContext | undefined): DeviceOwner {
  const { runAsUser, runAsGroup } = security ?? {};
  return {
    ...(runAsUser !== undefined && { uid: Number(runAsUser.value) }),
    ...(runAsGroup !== undefined && { gid: Number(runAsGroup.value) }),
  };
}

/** Relabels the volumes that are only for the pod; an image's files get the label from their mount. */
async function relabelVolumes(
  { config: { mounts: asked }, podId }: Pick<Input, "config" | "podId">,
  resolved: readonly ResolvedMount[],
  { mount }: SeLinuxLabels,
  seLinux: SeLinux,
): Promise<void> {
  for (const [index, { hostPath }] of resolved.entries()) {
    if (asked[index]?.selinuxRelabel && asked[index].image === undefined)
      await seLinux.relabel(podId, hostPath, mount);
  }
}
