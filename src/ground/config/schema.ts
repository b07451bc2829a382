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
 * Every key that berthd knows, with its default and its meaning. A property `maxConcurrentDownloads` is the
 * key `max_concurrent_downloads`; a time's `...Ms` is left out of the key. `berth config default` and the
 * documentation are made from this.
 */
export const schema = section("", {
  root: absolutePath("/var/lib/berth", "Directory for persistent data: metadata, content, snapshots."),
  state: absolutePath(
    "/run/berth",
    "Directory for run-time state: namespaces, bundles, sockets of monitors. Must be on a tmpfs.",
  ),
  address: absolutePath("/run/berth/berth.sock", "Unix socket that serves the Container Runtime Interface."),
  addressGroup: string(
    "",
    "Group that may use the socket: a name of /etc/group, or a number. Its members are as powerful as root. If empty, only root may use the socket.",
  ),
  engine: section("What runs pods.", {
    name: oneOf(
      ["native", "docker"],
      "native",
      "native: berth itself, with OCI runtimes, conmon and its own storage. docker: a Docker Engine of this machine, as dockershim did; containerd's API and the pod manager are not served then.",
    ),
  }),
  docker: section('The Docker Engine of engine.name = "docker".', {
    host: string(
      "unix:///var/run/docker.sock",
      "Where it listens: unix:///PATH, or tcp://HOST:PORT with TLS. It must run on this machine.",
    ),
    network: oneOf(
      ["cni", "bridge"],
      "cni",
      "Who gives pods their network. cni: berth, by the keys of [network]. bridge: Docker's own bridge.",
    ),
    sandboxImage: string(
      "",
      "Image of the containers that hold pods' namespaces. If empty, berth makes one of sandbox.pause_program and loads it.",
    ),
    logBufferMib: integer(
      64,
      { min: 1, max: 65_536 },
      "How much of each container's output, in MiB, Docker keeps for berth to write into the pod's log, twice: berth may be away for as long as that takes to fill.",
    ),
    tls: section("Certificates for a tcp:// host.", {
      ca: optionalPath("PEM file with the CA that signed the engine's certificate."),
      cert: optionalPath("PEM file with berth's certificate."),
      key: optionalPath("PEM file with the certificate's private key."),
    }),
  }),
  cri: section("The Container Runtime Interface.", {
    podStatusWithContainers: boolean(
      false,
      "Include the container statuses and a timestamp in PodSandboxStatus, as the protocol specifies for kubelets that follow events (EventedPLEG). Kubelets 1.37 then restart init containers in a loop. If false, kubelets query each container instead.",
    ),
  }),
  containerdApi: section("containerd's API, which ctr, nerdctl, BuildKit and cAdvisor use.", {
    enabled: boolean(true, "Serve this API on the socket of the Container Runtime Interface."),
    address: optionalPath(
      "An additional unix socket that serves all APIs, for tools that expect /run/containerd/containerd.sock. It has the same permissions as the first socket. If empty, there is none.",
    ),
  }),
  log: section("The daemon's log, written to standard error.", {
    level: oneOf(
      ["trace", "debug", "info", "warn", "error", "fatal"],
      "info",
      "Lowest level that is written.",
    ),
    format: oneOf(["auto", "json", "pretty"], "auto", "auto is pretty on a terminal, otherwise json."),
  }),
  cgroup: section("Control groups.", {
    driver: oneOf(
      ["auto", "cgroupfs", "systemd"],
      "auto",
      "Who creates the cgroups of containers; must match the kubelet's setting. auto selects systemd if systemd is the init and the machine uses cgroup v2, otherwise cgroupfs. Kubelets since 1.28 ask the runtime and follow its answer.",
    ),
  }),
  runtime: section("OCI runtimes, and the monitor of each container.", {
    defaultHandler: string(
      "auto",
      "Handler of pods that name none. auto selects crun if it works on this machine, otherwise runc; `berth doctor` explains the choice.",
    ),
    conmon: absolutePath("/usr/bin/conmon", "Path of conmon, the monitor of each container."),
    criu: string(
      "criu",
      "Path or name of criu, which checkpoints and restores processes. The file must be named criu.",
    ),
    createTimeoutMs: duration("4m", "Time limit for an OCI runtime to create a container; 0s disables it."),
    drainExecSyncIoTimeoutMs: duration(
      "10s",
      "How long ExecSync waits for more output after its command has ended, if processes that the command left running keep the output open. After that it returns the output so far and logs a warning. 0s waits until the call's own timeout.",
    ),
    handlers: table(
      "Additional runtime handlers. crun and runc are available without configuration if they are installed; a handler of the same name replaces them.",
      "kata",
      {
        path: optionalPath(
          "Path of the program, which must have runc's command line. If empty, a program with the handler's name is looked up in the usual directories.",
        ),
        privilegedWithoutHostDevices: boolean(
          false,
          "Give privileged containers only the devices that their pod requests, not all devices of the machine.",
        ),
        podAnnotations: strings(
          [],
          'Annotations of pods to pass to the OCI runtime, in the OCI specification of each of the pod\'s containers: names, or patterns in which * matches any characters except "/", as in ["dev.gvisor.*"] (containerd\'s key). Some OCI runtimes have annotations that weaken the confinement of a container: list only those that pods may use.',
        ),
        containerAnnotations: strings([], "The same for annotations of containers (containerd's key)."),
        allowedAnnotations: strings(
          [],
          "Prefixes of the names of annotations to pass, of pods and of containers (CRI-O's key).",
        ),
      },
    ),
  }),
  sandbox: section("Pod sandboxes.", {
    pauseProgram: absolutePath(
      "/usr/bin/catatonit",
      "Static program that holds the PID namespace of pods whose containers share one. Other pods run no pause process.",
    ),
    defaultSysctls: stringMap(
      { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" },
      "Sysctls of each pod that is not on the host's network, unless the pod sets them. The defaults let containers bind low ports and use ping without privileges.",
    ),
  }),
  container: section("Containers.", {
    absentMountSourcesToReject: absolutePaths(
      [],
      "Paths of the machine that are not created if a container mounts them and they do not exist: creating the container fails. All other missing paths are created as directories.",
    ),
    declaredVolumes: oneOf(
      ["copy", "ignore"],
      "copy",
      "How to treat paths that an image declares as volumes (VOLUME) and that the pod does not mount. copy: the container gets a writable directory of its own with a copy of the image's content, removed together with the container. ignore: nothing is done.",
    ),
    cdiSpecDirs: absolutePaths(
      ["/etc/cdi", "/var/run/cdi"],
      "Directories of the Container Device Interface: vendors' files that describe what a container needs to use a device. They are read for each container that requests a device; later directories override earlier ones.",
    ),
    deviceOwnershipFromSecurityContext: boolean(
      false,
      "Devices in containers belong to the container's user and group (run_as_user, run_as_group) instead of the machine's, so that a container that does not run as root can open them.",
    ),
    runLogLimitMib: integer(
      100,
      { min: 0, max: 1_048_576 },
      "Size limit in MiB for the logs of containers of `berth run`, which no kubelet rotates. A larger log is renamed to LOG.1, replacing the previous one. 0 disables the limit.",
    ),
    defaultUlimits: ulimits(
      'Resource limits of processes: NAME=SOFT[:HARD] in bytes, processes or seconds, as in ["nofile=65536:1048576", "memlock=unlimited"]. Without CAP_SYS_RESOURCE the daemon cannot exceed its own limits. nofile is 1048576 unless it is set here.',
    ),
    pidsLimit: integer(
      0,
      { min: 0, max: 4_194_304 },
      "Limit of processes and threads per container; 0 disables it. A kubelet limits those of a whole pod (podPidsLimit).",
    ),
    hooksDirs: absolutePaths(
      ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"],
      "Directories of OCI hooks: *.json files in the format of oci-hooks(5), versions 1.0.0 and 0.1.0. They are read for each container. A file overrides one of the same name in an earlier directory.",
    ),
    unusableHooks: oneOf(
      ["refuse", "skip"],
      "refuse",
      "How to treat containers that an invalid hook file applies to, or may apply to. refuse: creating the container fails, as it might lack a restriction that the hook would set up. skip: the container is created without the hook. Containers that the file's conditions exclude are not affected.",
    ),
  }),
  security: section(
    'Confinement of containers. A profile is "unconfined", "runtime/default" or "localhost/NAME".',
    {
      unsetSeccompProfile: profile(
        "unconfined",
        "Seccomp profile of containers that request none. A kubelet with --seccomp-default requests runtime/default.",
      ),
      privilegedSeccompProfile: profile("unconfined", "Seccomp profile of privileged containers."),
      seccompProfile: optionalPath(
        "File with the profile for runtime/default, in the JSON format of the OCI runtime specification. If empty, the built-in profile is used.",
      ),
      seccompProfileRoot: absolutePath(
        "/var/lib/kubelet/seccomp",
        "Directory of localhost/ seccomp profiles that are given by a relative path.",
      ),
      disableApparmor: boolean(false, "Behave as if the machine had no AppArmor."),
      enableSelinux: boolean(
        false,
        "Label containers and their files according to the machine's SELinux policy, if SELinux is enabled. Each pod has its own categories.",
      ),
      selinuxCategoryRange: integer(
        1024,
        { min: 2, max: 1024 },
        "Pods get categories below this number; higher ones are left for labels chosen by administrators.",
      ),
      apparmorProfile: string(
        "berth-default",
        "AppArmor profile for runtime/default. berth loads its built-in profile under this name unless a profile of that name is already loaded.",
      ),
    },
  ),
  images: section("Images and registries.", {
    snapshotter: oneOf(
      ["overlayfs", "erofs", "native"],
      "overlayfs",
      "How file systems of images and containers are stored. erofs keeps layers as they come and mounts them, so that none of their files is written (Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE). native copies files, and works on every file system. After a change, images have to be pulled again.",
    ),
    certsDirs: absolutePaths(
      ["/etc/berth/certs.d", "/etc/containerd/certs.d", "/etc/docker/certs.d"],
      "Directories with HOST/hosts.toml (mirrors, TLS). They are read at each pull.",
    ),
    dockerConfigFiles: absolutePaths(
      ["/etc/berth/config.json"],
      "Files in the format of docker's config.json, with credentials for pulls that provide none.",
    ),
    signaturePolicy: optionalPath(
      "File that says which images of registries may be used, and by whose keys they must be signed, and which archives may be loaded, in the format of containers-policy.json(5). It is read at each pull. If empty, every image may be used.",
    ),
    registriesDir: absolutePath(
      "/etc/containers/registries.d",
      "Directory of files that say where signatures are stored, in the format of containers-registries.d(5).",
    ),
    keyProviders: optionalPath(
      "File that names who unwraps the keys of encrypted layers: programs or gRPC services, in the format that other runtimes find by OCICRYPT_KEYPROVIDER_CONFIG. It is read at each pull. If empty, nobody is asked.",
    ),
    decryptionKeysDir: optionalPath(
      "Directory of private keys (RSA or elliptic curve; PEM, DER or JWK; files that only root can read) for layers that are encrypted for keys of JWE, as CRI-O's decryption_keys_path. It is read at each pull. If empty, there are none.",
    ),
    maxConcurrentDownloads: integer(
      4,
      { min: 1, max: 64 },
      "How many layers of one image are downloaded and unpacked in parallel.",
    ),
    pullProgressTimeoutMs: duration(
      "1m",
      "A transfer that makes no progress for this long is retried; 0s disables this.",
    ),
    pinned: strings(
      [],
      'Images that kubelets must not remove: references such as "registry.example/app:1", or patterns in which * matches any characters, such as "registry.example/*" or "*pause*". `berth image pin` pins further images.',
    ),
    maxLayerBytes: integer(
      0,
      { min: 0, max: Number.MAX_SAFE_INTEGER },
      "How many bytes a layer may have when it is unpacked, however few it is compressed; 0 sets no limit but the room that min_free_percent leaves. Set it on nodes that pull images that nobody has looked at.",
    ),
    maxLayerFiles: integer(
      2_000_000,
      { min: 0, max: 1_000_000_000 },
      "How many files a layer may have; 0 sets no limit. The erofs snapshotter needs some 700 bytes of memory for each while a layer is unpacked.",
    ),
    minFreePercent: integer(
      1,
      { min: 0, max: 50 },
      "How much of the file system of images, and of its inodes, layers and archives leave free: one that would take more is refused, and what was written of it is removed. 0 lets them fill the disk.",
    ),
    artifactMaxFiles: integer(
      1000,
      { min: 1, max: 100_000 },
      "How many files an OCI artifact may have that is mounted as a volume.",
    ),
    artifactMaxBytes: integer(
      0,
      { min: 0, max: Number.MAX_SAFE_INTEGER },
      "How many bytes the files of such an artifact may have together; 0 sets no limit. They are stored a second time, unless the file system can share them.",
    ),
    peers: section(
      "Other nodes, which give each other the layers and configs of images. Peers need a token, or certificates of one authority.",
      {
        listen: string(
          "",
          'Where this node gives its blobs to others: "ADDRESS:PORT", such as "10.0.0.5:7077". An address other than loopback needs certificate_file. If empty, it gives none.',
        ),
        from: strings(
          [],
          'Nodes that are asked for a blob before the registry: "ADDRESS:PORT", "NAME:PORT" for all addresses of a DNS name, "_SERVICE._tcp.NAME" for SRV records. Names are looked up again every 30 s.',
        ),
        certificateFile: optionalPath(
          "PEM file with this node's certificate, followed by intermediate certificates: for the server, and for peers that ask for one.",
        ),
        keyFile: optionalPath("PEM file with that certificate's private key."),
        caFile: optionalPath(
          "PEM file with the authorities that peers' certificates must be of. Without token_file, whoever has such a certificate may ask for blobs.",
        ),
        tokenFile: optionalPath(
          "File with a token of at least 16 characters, which only root can read. Peers must show it; they need no certificate then.",
        ),
        serverName: string(
          "",
          "Name that the certificate of each peer must have. If empty, it must have the name or address by which the peer was found.",
        ),
        namespaces: strings(
          ["k8s.io"],
          "containerd namespaces whose blobs are given to peers, and whose pulls ask peers.",
        ),
        maxUploads: integer(
          8,
          { min: 1, max: 256 },
          "How many blobs are given to peers at the same time; more are refused, and come from elsewhere.",
        ),
        timeoutMs: duration(
          "5s",
          "A peer that sends less than 256 KiB a second over this time is given up, and not asked for a minute, as is one that does not answer (within this time, and 1s at most).",
          "100ms",
        ),
      },
    ),
    keepLayers: boolean(
      true,
      "Keep the compressed layers of images that are pulled, beside their files. Without them images take about a third less of the disk, but `berth push` and `save` must make a layer again, which gives the same bytes only for layers that berth wrote itself; a push to a registry that has the layers works in any case. Concerns images that are pulled from now on; layers of archives and of `berth commit` are always kept.",
    ),
    gcHighPercent: integer(
      0,
      { min: 0, max: 100 },
      "Remove images that no container uses when the file system of images is used to at least this percentage, those first that were used least recently; never pinned ones. 0 removes none: a kubelet does this itself (imageGCHighThresholdPercent).",
    ),
    gcLowPercent: integer(80, { min: 0, max: 100 }, "Down to which percentage images are removed then."),
    gcMinAgeMs: duration(
      "2m",
      "How long an image must have been unused, and have had its names, to be removed then.",
    ),
    gcDelayMs: duration(
      "10s",
      "How long after a removal unused content and snapshots are deleted. Removals within this time share one garbage collection.",
    ),
  }),
  network: section("Pod networks by CNI.", {
    default: oneOf(
      ["bridge", "none"],
      "bridge",
      "Network of pods while conf_dir holds no configuration and conf_template is empty. bridge: a bridge of the daemon's own, which masquerades, with subnets that nothing else on this machine uses. none: pods wait for a configuration, and the node is not ready before; set this on nodes whose cluster writes the configuration later.",
    ),
    confDir: absolutePath(
      "/etc/cni/net.d",
      "Directory of network configurations, which is watched for changes. Pods use the first one by name.",
    ),
    binDirs: absolutePaths(
      ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"],
      "Directories to search for plugins.",
    ),
    builtinPlugins: boolean(
      true,
      "Do in the daemon what the CNI plugins bridge (with host-local or static), portmap, firewall, tuning and loopback do, for networks all of whose plugins and keys it knows; no program is started for them, and rules are in the nf_tables table berth. If false, the programs are run. Pods keep what they were attached by.",
    ),
    maxConfNum: integer(
      1,
      { min: 1, max: 32 },
      "Number of networks of conf_dir that each pod joins (eth0, eth1, ...).",
    ),
    pluginTimeoutMs: duration("1m", "A plugin that runs longer than this is killed.", "1s"),
    giveUpAfterMs: duration(
      "1m",
      "How long stopping a pod may keep failing because a plugin fails to tear down its network, or is missing. After that the pod is removed anyway, and the teardown is retried at this interval and at each start.",
    ),
    confTemplate: optionalPath(
      "Template of a network configuration, rendered with the pod CIDR that the kubelet receives. If empty, nothing is rendered.",
    ),
    ipPref: oneOf(
      ["ipv4", "ipv6", "cni"],
      "ipv4",
      "Which address of a pod is its primary one; cni keeps the plugin's order.",
    ),
  }),
  stats: section("Resource usage statistics of pods and containers, and metrics.", {
    samplePeriodMs: duration(
      "10s",
      "How often CPU times are sampled to compute the current usage (usage_nano_cores).",
      "1s",
    ),
    writableLayerPeriodMs: duration(
      "10s",
      "How old the measured size of a container's writable layer may be before a request for it starts a new measurement in the background. Layers that take long to measure are measured less often, and those of containers that have used no CPU time since only every ten minutes.",
    ),
    metrics: someOf(
      metricGroups,
      metricGroups.filter((group) => group !== "tasks"),
      "Groups of metrics that ListPodSandboxMetrics returns, under cAdvisor's names. process inspects every process of every container, and tasks every thread.",
    ),
  }),
  manager: section(
    "The pod manager, which runs Kubernetes manifests without a cluster (`berth apply`). Its pods are not shown to kubelets.",
    {
      enabled: boolean(
        true,
        "Serve the manager. If false, pods that it has started run on, and nobody looks after them.",
      ),
      endpoint: optionalPath(
        "Socket of another runtime's Container Runtime Interface to run the pods on. If empty, berthd runs them itself.",
      ),
      manifestDirs: absolutePaths(
        [],
        "Directories of manifests to run (*.yaml, *.yml, *.json), which are watched for changes. What is no longer written there is removed.",
      ),
      logDir: absolutePath("/var/log/pods", "Directory for the logs of the manager's pods."),
      logMaxMib: integer(
        10,
        { min: 1, max: 1_048_576 },
        "Size in MiB from which on a container's log is rotated, as by a kubelet (containerLogMaxSize): it gets the time behind its name; all but the last of those are compressed. container.run_log_limit_mib holds besides.",
      ),
      logMaxFiles: integer(
        5,
        { min: 2, max: 1000 },
        "How many files of each log are kept, the one that is written to among them.",
      ),
      evictionHard: stringMap(
        {
          "memory.available": "100Mi",
          "nodefs.available": "10%",
          "nodefs.inodesFree": "5%",
          "imagefs.available": "15%",
          "imagefs.inodesFree": "5%",
        },
        "Pods are evicted, one at a time, while there is less than this of memory or disk, as by a kubelet with these thresholds. An empty table turns that off.",
      ),
      imageGcHighPercent: integer(
        85,
        { min: 1, max: 100 },
        "From which use of the disk with images on, in percent, unused images are removed, whoever pulled them; 100 turns that off.",
      ),
      imageGcLowPercent: integer(80, { min: 0, max: 100 }, "Down to which use they are removed."),
      nodeLabels: stringMap(
        {},
        "Labels of this machine that pods may ask for in nodeSelector, beside kubernetes.io/arch, kubernetes.io/hostname and kubernetes.io/os.",
      ),
    },
  ),
  streaming: section(
    "The server for the streams of exec, attach and port-forward. Clients get its URLs from the CRI's Exec, Attach and PortForward calls.",
    {
      address: string(
        "127.0.0.1",
        "IP address to listen on. Kubelets connect from the same machine; use TLS with any other address.",
      ),
      port: integer(0, { min: 0, max: 65_535 }, "0 picks a free port at each start."),
      idleTimeoutMs: duration("4h", "A connection that is idle for this long is closed.", "1s"),
      creationTimeoutMs: duration("30s", "Time limit for a SPDY client to open its streams.", "1s"),
      tls: section("TLS; without a certificate the server speaks plain HTTP.", {
        cert: optionalPath("PEM file with the certificate, followed by intermediate certificates."),
        key: optionalPath("PEM file with the certificate's private key."),
        clientCa: optionalPath(
          "PEM file with the CAs that may sign client certificates. If empty, clients need no certificate.",
        ),
        minVersion: oneOf(["1.2", "1.3"], "1.2", "Minimum TLS version."),
      }),
    },
  ),
});

/** The configuration, read and checked. */
export type Config = ValueOf<typeof schema>;
