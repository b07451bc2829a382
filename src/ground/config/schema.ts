import {
  absolutePath,
  absolutePaths,
  boolean,
  duration,
  integer,
  oneOf,
  optionalPath,
  profile,
  section,
  someOf,
  string,
  stringMap,
  strings,
  table,
  type ValueOf,
} from "./keys.ts";
import { ulimits } from "./ulimit.ts";

const metricGroups = [
  "cpu",
  "memory",
  "oom",
  "disk",
  "disk_io",
  "network",
  "process",
  "tasks",
  "spec",
  "pressure",
  "hugetlb",
] as const;

/**
 * Every key that berthd knows, with its default and its meaning. A property `maxConcurrentDownloads` is the key `max_concurrent_downloads`;
 * a time's `...Ms` is left out of the key. `berth config default` and the documentation are made from this.
 */
export const schema = section("", {
  root: absolutePath(
    "/var/lib/berth",
    "Directory of what must survive a restart of the machine: metadata, content, snapshots.",
  ),
  state: absolutePath(
    "/run/berth",
    "Directory of what must not: namespaces, bundles, sockets of monitors. On a tmpfs.",
  ),
  address: absolutePath("/run/berth/berth.sock", "Unix socket of the Container Runtime Interface."),
  addressGroup: string(
    "",
    "Group whose members may use the socket, by its name in /etc/group or its number; that is as good as being root. Empty lets in root alone.",
  ),
  cri: section("The Container Runtime Interface.", {
    podStatusWithContainers: boolean(
      false,
      "PodSandboxStatus tells the statuses of the pod's containers and when they were taken, as the protocol has it for kubelets that follow events (EventedPLEG). Those of 1.37 then start init containers again and again; without it they ask for each container.",
    ),
  }),
  log: section("The daemon's own log, on standard error.", {
    level: oneOf(
      ["trace", "debug", "info", "warn", "error", "fatal"],
      "info",
      "The least important level that is written.",
    ),
    format: oneOf(["auto", "json", "pretty"], "auto", "auto is pretty on a terminal and json elsewhere."),
  }),
  cgroup: section("Control groups.", {
    driver: oneOf(
      ["auto", "cgroupfs", "systemd"],
      "auto",
      "Who makes the cgroups of containers; must be what the kubelet uses. auto is systemd on a machine that systemd runs and that has cgroup v2, else cgroupfs; a kubelet of 1.28 or later asks and follows.",
    ),
  }),
  runtime: section("OCI runtimes and the monitor that holds each container.", {
    defaultHandler: string(
      "auto",
      "Handler of pods that name none. auto is crun where this machine lets it run, else runc; `berth doctor` explains.",
    ),
    conmon: absolutePath("/usr/bin/conmon", "The monitor that holds each container."),
    criu: string(
      "criu",
      "The program that takes checkpoints of processes and restores them; a path, or a name in the usual directories. Its file must be named criu.",
    ),
    createTimeoutMs: duration(
      "4m",
      "How long an OCI runtime may take to create a container; 0s is no limit.",
    ),
    drainExecSyncIoTimeoutMs: duration(
      "10s",
      "How long ExecSync waits for more output after its command has ended, when something that the command left running holds its output open; then what came is the answer, and the log says so. 0s waits as long as the call may take.",
    ),
    handlers: table(
      "Runtime handlers besides crun and runc, which are known when they are installed. A handler of one of these names replaces it.",
      "kata",
      {
        path: optionalPath(
          "The program, which must have runc's command line; empty is the one of the handler's name in the usual directories.",
        ),
        privilegedWithoutHostDevices: boolean(
          false,
          "Privileged containers get the devices that their pod asks for, and no others of the machine.",
        ),
        podAnnotations: strings(
          [],
          'Annotations of pods that are passed on to the OCI runtime, in the annotations of the specification of each of the pod\'s containers: names, or patterns in which * stands for any characters but "/", as in ["dev.gvisor.*"] (containerd\'s key). Some OCI runtimes heed annotations that loosen what confines a container: name those that pods may have.',
        ),
        containerAnnotations: strings([], "The same of the containers' own annotations (containerd's key)."),
        allowedAnnotations: strings(
          [],
          "Beginnings of names of annotations of both kinds that are passed on (CRI-O's key).",
        ),
      },
    ),
  }),
  sandbox: section("Pod sandboxes.", {
    pauseProgram: absolutePath(
      "/usr/bin/catatonit",
      "Static program that holds a PID namespace which the containers of a pod share; other pods have none.",
    ),
    defaultSysctls: stringMap(
      { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      "Set in each pod that has a network of its own, unless the pod says otherwise. The defaults let containers bind low ports and ping without privileges.",
    ),
  }),
  container: section("Containers.", {
    absentMountSourcesToReject: absolutePaths(
      [],
      "Paths of the machine that are not made when a container mounts them and they are not there: the container is refused. Every other path is made as a directory.",
    ),
    declaredVolumes: oneOf(
      ["copy", "ignore"],
      "copy",
      "What becomes of the paths that an image declares as volumes (VOLUME) and the pod mounts nothing on: a directory of the container's own, with a copy of what the image has there, which can be written to in any case and goes with the container; or nothing.",
    ),
    cdiSpecDirs: absolutePaths(
      ["/etc/cdi", "/var/run/cdi"],
      "Directories of the Container Device Interface: files of vendors that say what a container needs for a device. Read for each container that asks for one; a later directory goes before an earlier one.",
    ),
    deviceOwnershipFromSecurityContext: boolean(
      false,
      "Devices belong to the container's user and group (run_as_user, run_as_group) in place of the machine's, so that a container without root can open them.",
    ),
    runLogLimitMib: integer(
      100,
      { min: 0, max: 1_048_576 },
      "MiB that the log of a container of `berth run` may have, which no kubelet rotates. A longer one is put beside it as LOG.1, in the place of the one before. 0 is no limit.",
    ),
    defaultUlimits: ulimits(
      'Limits of processes, as in ["nofile=65536:1048576", "memlock=unlimited"]: NAME=SOFT[:HARD] with ulimit\'s units in bytes, processes, seconds. A daemon without CAP_SYS_RESOURCE gives no more than it has. Open files are 1048576 unless set here.',
    ),
    pidsLimit: integer(
      0,
      { min: 0, max: 4_194_304 },
      "Processes and threads that one container may have; 0 sets no limit. A kubelet limits those of a whole pod (podPidsLimit).",
    ),
    hooksDirs: absolutePaths(
      ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"],
      "Directories of OCI hooks, *.json as in oci-hooks(5) versions 1.0.0 and 0.1.0, read for each container. A file takes the place of one of the same name in an earlier directory.",
    ),
    unusableHooks: oneOf(
      ["refuse", "skip"],
      "refuse",
      "What becomes of a container for which a hook is whose file cannot be used, or may be, as the file does not say so much: it is not made, as it might be without a limit that it was to have; or it is made without the hook. Containers that the file's conditions rule out are made in any case.",
    ),
  }),
  security: section(
    'How containers are confined. A profile is "unconfined", "runtime/default", or "localhost/" and its name.',
    {
      unsetSeccompProfile: profile(
        "unconfined",
        "Seccomp profile of containers that ask for none; a kubelet's --seccomp-default asks for runtime/default by itself.",
      ),
      privilegedSeccompProfile: profile("unconfined", "Seccomp profile of privileged containers."),
      seccompProfile: optionalPath(
        "File with the profile that runtime/default is, as JSON in the form of the OCI runtime specification; empty is the built-in one.",
      ),
      seccompProfileRoot: absolutePath(
        "/var/lib/kubelet/seccomp",
        "Directory of localhost/ seccomp profiles that are not named by an absolute path.",
      ),
      disableApparmor: boolean(false, "Do as if the machine had no AppArmor."),
      enableSelinux: boolean(
        false,
        "Label containers and their files by the machine's SELinux policy, where SELinux is enabled; each pod has categories of its own.",
      ),
      selinuxCategoryRange: integer(
        1024,
        { min: 2, max: 1024 },
        "Categories of pods are below this number; others are left for labels that administrators choose.",
      ),
      apparmorProfile: string(
        "berth-default",
        "AppArmor profile that runtime/default is; berth loads its own under this name unless one of the name is loaded.",
      ),
    },
  ),
  images: section("Images and registries.", {
    snapshotter: oneOf(
      ["overlayfs", "native"],
      "overlayfs",
      "How file systems of images and containers are kept. native copies, and works on every file system.",
    ),
    certsDirs: absolutePaths(
      ["/etc/berth/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"],
      "Directories with HOST/hosts.toml (mirrors, TLS). Read at each pull.",
    ),
    dockerConfigFiles: absolutePaths(
      ["/etc/berth/config.json"],
      "Files in the form of docker's config.json, with credentials for pulls that bring none.",
    ),
    maxConcurrentDownloads: integer(
      4,
      { min: 1, max: 64 },
      "Layers of one image that are fetched and unpacked at the same time.",
    ),
    pullProgressTimeoutMs: duration(
      "1m",
      "A transfer without a byte for so long is taken up anew; 0s waits for ever.",
    ),
    pinned: strings(
      [],
      'Images that kubelets must not remove: references such as "registry.example/app:1", or patterns in which * stands for any characters, as in "registry.example/*" or "*pause*". `berth image pin` pins others.',
    ),
    gcDelayMs: duration(
      "10s",
      "How long after a removal content and snapshots that nothing needs are deleted; removals in that time share one collection.",
    ),
  }),
  network: section("Pod networks by CNI.", {
    confDir: absolutePath(
      "/etc/cni/net.d",
      "Directory of network configurations, watched; the first by name is the pods' network.",
    ),
    binDirs: absolutePaths(
      ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"],
      "Directories in which plugins are looked for.",
    ),
    maxConfNum: integer(
      1,
      { min: 1, max: 32 },
      "How many networks of the directory each pod joins (eth0, eth1, ...).",
    ),
    pluginTimeoutMs: duration("1m", "A plugin that takes longer is killed.", "1s"),
    giveUpAfterMs: duration(
      "1m",
      "For how long stopping a pod may fail because a plugin cannot take it off its network, or is gone. After that the pod is let go all the same, and the plugin is asked again as often, and at each start.",
    ),
    confTemplate: optionalPath(
      "Template of a network configuration, filled in with the pod CIDR that a kubelet is given; empty does nothing.",
    ),
    ipPref: oneOf(
      ["ipv4", "ipv6", "cni"],
      "ipv4",
      "Which address of a pod is its primary one; cni takes the plugin's order.",
    ),
  }),
  stats: section("Figures of what pods and containers use, and metrics.", {
    samplePeriodMs: duration(
      "10s",
      "How often the CPU time of everything that runs is looked at, for its present rate (usage_nano_cores).",
      "1s",
    ),
    writableLayerPeriodMs: duration(
      "10s",
      "How old the size of a container's own layer may become before asking for it has it measured anew, in the background. One that takes long to measure is measured less often.",
    ),
    metrics: someOf(
      metricGroups,
      metricGroups.filter((group) => group !== "tasks"),
      "Groups of metrics that ListPodSandboxMetrics gives, under cAdvisor's names. process looks at every process of every container, and tasks at every thread.",
    ),
  }),
  streaming: section(
    "The server for the streams of exec, attach and port-forward; clients get its URLs by the CRI's Exec, Attach and PortForward.",
    {
      address: string(
        "127.0.0.1",
        "IP address to listen on. Kubelets connect from this machine; another address should have TLS.",
      ),
      port: integer(0, { min: 0, max: 65_535 }, "0 is a free one, new with each start."),
      idleTimeoutMs: duration("4h", "A connection on which nothing happens for so long is closed.", "1s"),
      creationTimeoutMs: duration("30s", "How long a SPDY client may take to open its streams.", "1s"),
      tls: section("TLS; without a certificate the server speaks plain HTTP.", {
        cert: optionalPath("Certificate, PEM, with those that lead to its CA behind it."),
        key: optionalPath("The certificate's key, PEM."),
        clientCa: optionalPath(
          "CAs, PEM, one of which must have signed a client's certificate; empty asks for none.",
        ),
        minVersion: oneOf(["1.2", "1.3"], "1.2", "The oldest version of TLS that is spoken."),
      }),
    },
  ),
});

/** The configuration, read and checked. */
export type Config = ValueOf<typeof schema>;
