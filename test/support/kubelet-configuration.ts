import { join } from "node:path";
import type { TestBerth } from "./berth.ts";
import type { KubeletCgroup } from "./kubelet-cgroup.ts";

/** The port of the kubelet's API on localhost. */
export const kubeletPort = 10_250;

/** The configuration of a kubelet for a berthd; `directory` holds its files. */
export function kubeletConfiguration(berth: TestBerth, directory: string, cgroup: KubeletCgroup): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    containerRuntimeEndpoint: `unix://${berth.socket}`,
    staticPodPath: join(directory, "manifests"),
    podLogsDir: berth.logDir,
    volumePluginDir: join(directory, "plugins"),
    address: "127.0.0.1",
    port: kubeletPort,
    healthzPort: 0,
    tlsCertFile: join(directory, "api.crt"),
    tlsPrivateKeyFile: join(directory, "api.key"),
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    // The runtime's answer takes precedence; this value would not work here.
    cgroupDriver: "systemd",
    cgroupRoot: cgroup.name,
    // This machine's cgroups are version 1, which the kubelet considers outdated.
    failCgroupV1: false,
    failSwapOn: false,
    // Root without CAP_SYS_RESOURCE cannot set the kubelet's default of -999; the kubelet would log that and
    // continue.
    oomScoreAdj: 0,
    protectKernelDefaults: true,
    logging: { verbosity: 4 },
    resolvConf: "/etc/resolv.conf",
    fileCheckFrequency: "1s",
    syncFrequency: "2s",
    // These tests must not depend on the machine's free resources.
    evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // A failed container is restarted at once.
    crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
  };
}

/**
 * Starts a program that sees the values that a kubelet wants in /proc/sys and would otherwise write there, in
 * a mount namespace whose other mounts propagate: the machine's own settings do not change, and a container's
 * /proc is the kernel's.
 */
export const withTunables = `
set -eu
mount --make-rprivate /proc
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \\
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=$(mktemp)
  echo "\${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/\${setting%%=*}"
  rm "$file"
done
exec "$@"
`;
