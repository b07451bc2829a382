import type { SnapshotMount } from "../../../ground/linux/index.ts";
import type { ContainerConfig } from "../../../ground/protocol/index.ts";
import type { SeLinux, SeLinuxLabels } from "../../../services/runtime/index.ts";
import { sharesHostNetwork } from "../../podnetwork/index.ts";
import type { SandboxPaths } from "../paths.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { SandboxRecord } from "../records/records.ts";

/** Undefined if SELinux is not enabled. */
type Services = { readonly seLinux: SeLinux | undefined };

/** A new sandbox's level, for its record: shared by its containers, and by no other pod. */
export function newSeLinuxLevel({
  seLinux,
  sandboxes,
}: Services & { readonly sandboxes: RecordStore<SandboxRecord> }): Pick<SandboxRecord, "seLinuxLevel"> {
  if (seLinux === undefined) return {};
  const inUse = sandboxes.list().flatMap(({ seLinuxLevel }) => seLinuxLevel ?? []);
  return { seLinuxLevel: seLinux.newLevel(new Set(inUse)) };
}

/** Labels of the files that a pod's containers share. */
export function sandboxLabels(sandbox: SandboxRecord, { seLinux }: Services): SeLinuxLabels | undefined {
  const { seLinuxLevel, config } = sandbox;
  if (seLinuxLevel === undefined || sharesHostNetwork(config)) return undefined;
  return seLinux?.labels(config.linux?.securityContext?.selinuxOptions, seLinuxLevel);
}

/**
 * As in CRI-O, undefined without SELinux, for a privileged container, which is not confined, and on the
 * host's network, whose files and sockets a container's type may not use.
 */
export function containerLabels(
  { linux }: ContainerConfig,
  sandbox: SandboxRecord,
  { seLinux }: Services,
): SeLinuxLabels | undefined {
  const { seLinuxLevel, config } = sandbox;
  const security = linux?.securityContext;
  if (seLinuxLevel === undefined || security?.privileged || sharesHostNetwork(config)) return undefined;
  const options = security?.selinuxOptions ?? config.linux?.securityContext?.selinuxOptions;
  return seLinux?.labels(options, seLinuxLevel);
}

/**
 * All files of a file system mounted this way have the label. Files of bind mounts keep their own, as an
 * image that several pods mount requires.
 */
export function withLabel(
  mounts: readonly SnapshotMount[],
  labels: SeLinuxLabels | undefined,
): readonly SnapshotMount[] {
  if (labels === undefined) return mounts;
  return mounts.map((mount) =>
    mount.type === "overlay" ? { ...mount, options: [...mount.options, contextOption(labels)] } : mount,
  );
}

/** Quoted, since a level contains commas. */
export function contextOption({ mount }: SeLinuxLabels): string {
  return `context="${mount}"`;
}

/**
 * The mounts of a container's own root file system, with its label: for an overlay by a mount option, for a
 * directory file by file, in a thread.
 */
export async function rootfsWithLabel(
  podId: string,
  mounts: readonly SnapshotMount[],
  labels: SeLinuxLabels | undefined,
  seLinux: Pick<SeLinux, "relabel"> | undefined,
): Promise<readonly SnapshotMount[]> {
  if (labels !== undefined) {
    for (const mount of mounts)
      if (mount.type === "bind") await seLinux?.relabel(podId, mount.source, labels.mount);
  }
  return withLabel(mounts, labels);
}

/** Labels the pod's files that its containers bind-mount; rewriting them keeps their labels. */
export function labelSandboxFiles(
  { hosts, hostname, resolvConf }: SandboxPaths,
  { mount }: SeLinuxLabels,
  seLinux: Pick<SeLinux, "relabelOwn"> | undefined,
): void {
  for (const path of [hosts, hostname, resolvConf]) seLinux?.relabelOwn(path, mount);
}
