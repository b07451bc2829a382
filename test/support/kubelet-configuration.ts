import { join } from "node:path";
import type { TestBerth } from "./berth.ts";
import type { KubeletCgroup } from "./kubelet-cgroup.ts";

/** Where the kubelet's API is, on localhost. */
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
    // What the runtime answers goes before this, which would not do here.
    cgroupDriver: "systemd",
    cgroupRoot: cgroup.name,
    // This machine's cgroups are version 1, of which the kubelet thinks as of the past.
    failCgroupV1: false,
    failSwapOn: false,
    // Root without CAP_SYS_RESOURCE cannot have the -999 that a kubelet wants; it would say so and go on.
    oomScoreAdj: 0,
    protectKernelDefaults: true,
    resolvConf: "/etc/resolv.conf",
    fileCheckFrequency: "1s",
    syncFrequency: "2s",
    // A machine that has not much left is no matter of these tests.
    evictionHard: { "memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%" },
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // A container that fails is started again at once.
    crashLoopBackOff: { maxContainerRestartPeriod: "1s" },
  };
}

/**
 * Starts a program that sees in /proc/sys what a kubelet wants there and would write there, in a mount
 * namespace whose other mounts propagate: the machine's own settings stay what they are, and a container's
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
