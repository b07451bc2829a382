import type { ContainerRecord } from "../records/records.ts";

/** Mount points of every container, whatever its configuration. */
const ownMounts = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/**
 * Mount points in a container's root file system. In most images, /var/run, where a kubelet mounts secrets,
 * is a link to /run.
 */
export function mountPointsOf({ config, declaredVolumes = [] }: ContainerRecord): readonly string[] {
  const paths = [
    ...ownMounts,
    ...config.mounts.map(({ containerPath }) => containerPath),
    ...declaredVolumes,
  ];
  return paths.flatMap((path) => (path.startsWith("/var/run/") ? [path, path.slice("/var".length)] : [path]));
}
