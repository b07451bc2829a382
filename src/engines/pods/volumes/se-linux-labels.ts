import type { SnapshotMount } from "../../../ground/linux/index.ts";
import type { ContainerConfig } from "../../../ground/protocol/index.ts";
import type { SeLinux, SeLinuxLabels } from "../../../services/runtime/index.ts";
import { sharesHostNetwork } from "../../podnetwork/index.ts";
import type { SandboxPaths } from "../paths.ts";
import type { RecordStore } from "../records/record-store.ts";
import type { SandboxRecord } from "../records/records.ts";

/** Undefined where SELinux is not enabled. */
type Services = { readonly seLinux: SeLinux | undefined };

/** For the record of a new sandbox: the level that its containers share and no other pod has. */
export function newSeLinuxLevel({
  seLinux,
  sandboxes,
}: Services & { readonly sandboxes: RecordStore<SandboxRecord> }): Pick<SandboxRecord, "seLinuxLevel"> {
  if (seLinux === undefined) return {};
  const inUse = sandboxes.list().flatMap(({ seLinuxLevel }) => seLinuxLevel ?? []);
  return { seLinuxLevel: seLinux.newLevel(new Set(inUse)) };
}

/** Those of the files that a pod's containers share. */
export function sandboxLabels(sandbox: SandboxRecord, { seLinux }: Services): SeLinuxLabels | undefined {
  const { seLinuxLevel, config } = sandbox;
  if (seLinuxLevel === undefined || sharesHostNetwork(config)) return undefined;
  return seLinux?.labels(config.linux?.securityContext?.selinuxOptions, seLinuxLevel);
}

/**
 * Undefined without SELinux, for a privileged container, which is not confined, and on the host's network,
 * whose files and sockets a container's type may not use; as by CRI-O.
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
 * All files of a file system that is mounted so have the label. A bind mount's keep their own, as the files
 * of an image that several pods mount must.
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

/** In quotes, as a level has commas. */
export function contextOption({ mount }: SeLinuxLabels): string {
  return `context="${mount}"`;
}

/**
 * The mounts of a container's own root file system, with its label: an overlay has it as a whole, and the
 * files of a directory get it one by one, in a thread.
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

/** The files of a pod that its containers bind; writing to them again leaves them their labels. */
export function labelSandboxFiles(
  { hosts, hostname, resolvConf }: SandboxPaths,
  { mount }: SeLinuxLabels,
  seLinux: Pick<SeLinux, "relabelOwn"> | undefined,
): void {
  for (const path of [hosts, hostname, resolvConf]) seLinux?.relabelOwn(path, mount);
}
