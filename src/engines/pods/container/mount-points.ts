import type { ContainerRecord } from "../records/records.ts";

/** What every container gets, whatever its configuration says. */
const ownMounts = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/**
 * Where something is mounted in a container's root file system. Images mostly have /var/run as a link to
 * /run, where a kubelet mounts secrets.
 */
export function mountPointsOf({ config, declaredVolumes = [] }: ContainerRecord): readonly string[] {
  const paths = [
    ...ownMounts,
    ...config.mounts.map(({ containerPath }) => containerPath),
    ...declaredVolumes,
  ];
  return paths.flatMap((path) => (path.startsWith("/var/run/") ? [path, path.slice("/var".length)] : [path]));
}
