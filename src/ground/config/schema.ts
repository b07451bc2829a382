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
 * documentation are generated from this.
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
    "Group that may use the socket: a name from /etc/group, or a number. Its members have the power of root. If empty, only root may use the socket.",
  ),
  engine: section("What runs pods.", {
    name: oneOf(
      ["native", "docker"],
      "native",
      "native: berth itself, with OCI runtimes, conmon and its own storage. docker: a Docker Engine on this machine, as with dockershim; containerd's API and the pod manager are then not served.",
    ),
  }),
  docker: section('The Docker Engine, for engine.name = "docker".', {
    host: string(
      "unix:///var/run/docker.sock",
      "Address of the engine: unix:///PATH, or tcp://HOST:PORT with TLS. It must run on this machine.",
    ),
    network: oneOf(
      ["cni", "bridge"],
      "cni",
      "What provides the pods' network. cni: berth, as configured in [network]. bridge: Docker's own bridge.",
    ),
    sandboxImage: string(
      "",
      "Image of the containers that hold the pods' namespaces. If empty, berth builds one from sandbox.pause_program and loads it.",
    ),
    logBufferMib: integer(
      64,
      { min: 1, max: 65_536 },
      "Size in MiB of each of the two files in which Docker buffers a container's output until berth has copied it to the pod's log. While berth is down, output beyond that is lost.",
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
      "Include the container statuses and a timestamp in PodSandboxStatus, as the protocol specifies for kubelets that use events (EventedPLEG). Kubelets 1.37 then restart init containers in a loop. If false, kubelets query each container instead.",
    ),
  }),
  containerdApi: section("containerd's API, which ctr, nerdctl, BuildKit and cAdvisor use.", {
    enabled: boolean(true, "Serve this API on the socket of the Container Runtime Interface."),
    address: optionalPath(
      "An additional unix socket that serves all APIs, for tools that expect /run/containerd/containerd.sock. It has the same permissions as the first socket. If empty, there is none.",
    ),
  }),
  log: section("The daemon's log, written to standard error.", {
    level: oneOf(["trace", "debug", "info", "warn", "error", "fatal"], "info", "Lowest level to write."),
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
      "Handler of pods without a runtime class. auto selects crun if it works on this machine, otherwise runc; `berth doctor` explains the choice.",
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
          "Path of the program, which must be compatible with runc's command line. If empty, a program with the handler's name is looked up in the usual directories.",
        ),
        privilegedWithoutHostDevices: boolean(
          false,
          "Give privileged containers only the devices that their pod requests, not all devices of the machine.",
        ),
        podAnnotations: strings(
          [],
          'Annotations of pods to pass to the OCI runtime, in the OCI specification of each of the pod\'s containers: names, or patterns in which * matches any characters except "/", as in ["dev.gvisor.*"] (containerd\'s key). Some annotations weaken the confinement of a container: list only those that pods may use.',
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
      "How to treat paths that an image declares as volumes (VOLUME) and that the pod does not mount. copy: the container gets its own writable directory with a copy of the image's content, which is removed with the container. ignore: nothing is done.",
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
    erofsVerity: boolean(
      false,
      "Whether the erofs snapshotter turns on fs-verity for layers, so that the kernel reads no byte of them that has changed since. Layers without it are not used: remove images that were pulled before, and pull them again. Needs a file system under root that has it (ext4 with the feature verity, btrfs) and a kernel with CONFIG_FS_VERITY.",
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
      "File that says which images may be pulled and whose keys must have signed them, and which archives may be loaded, in the format of containers-policy.json(5). It is read at each pull. If empty, every image may be used.",
    ),
    registriesDir: absolutePath(
      "/etc/containers/registries.d",
      "Directory of files that say where signatures are stored, in the format of containers-registries.d(5).",
    ),
    keyProviders: optionalPath(
      "File that lists the key providers (programs or gRPC services) for encrypted layers, in ocicrypt's format, which other runtimes find through OCICRYPT_KEYPROVIDER_CONFIG. It is read at each pull. If empty, there are none.",
    ),
    decryptionKeysDir: optionalPath(
      "Directory of private keys (RSA or elliptic curve; PEM, DER or JWK; files that only root can read) for layers with JWE recipients, like CRI-O's decryption_keys_path. It is read at each pull. If empty, there are none.",
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
      "Maximum size of an uncompressed layer in bytes; 0 sets no limit except min_free_percent. Set it on nodes that pull untrusted images.",
    ),
    maxLayerFiles: integer(
      2_000_000,
      { min: 0, max: 1_000_000_000 },
      "Maximum number of files in a layer; 0 sets no limit. The erofs snapshotter needs some 700 bytes of memory per file while it unpacks a layer.",
    ),
    minFreePercent: integer(
      1,
      { min: 0, max: 50 },
      "Percentage of the image file system's space and inodes that layers and archives must leave free: one that would use more is rejected, and its partial files are removed. 0 lets them fill the disk.",
    ),
    artifactMaxFiles: integer(
      1000,
      { min: 1, max: 100_000 },
      "Maximum number of files in an OCI artifact that is mounted as a volume.",
    ),
    artifactMaxBytes: integer(
      0,
      { min: 0, max: Number.MAX_SAFE_INTEGER },
      "Maximum total size of the files of such an artifact in bytes; 0 sets no limit. They are stored a second time, unless the file system can share extents.",
    ),
    peers: section(
      "Other nodes, which serve layers and configs of images to each other. Peers need a token, or certificates from one authority.",
      {
        listen: string(
          "",
          'Where this node serves its blobs to others: "ADDRESS:PORT", such as "10.0.0.5:7077". An address other than loopback needs certificate_file. If empty, it serves none.',
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
          "PEM file with the authorities that must have signed the peers' certificates. Without token_file, anyone with such a certificate may request blobs.",
        ),
        tokenFile: optionalPath(
          "File with a token of at least 16 characters, which only root can read. Peers must send it, and then need no certificate.",
        ),
        serverName: string(
          "",
          "Name that the certificate of each peer must have. If empty, it must have the name or address by which the peer was found.",
        ),
        namespaces: strings(
          ["k8s.io"],
          "containerd namespaces whose blobs are served to peers, and whose pulls ask peers.",
        ),
        maxUploads: integer(
          8,
          { min: 1, max: 256 },
          "How many blobs are served to peers at the same time; further requests are rejected, and those peers get the blob elsewhere.",
        ),
        timeoutMs: duration(
          "5s",
          "A peer that sends less than 256 KiB a second over this time is abandoned, and not asked again for a minute; so is one that does not answer within this time, or within 1s if that is shorter.",
          "100ms",
        ),
      },
    ),
    keepLayers: boolean(
      true,
      "Keep the compressed layers of pulled images in addition to their files. Without them images use about a third less disk space, but `berth push` and `save` must rebuild a layer, which gives the same bytes only for layers that berth wrote itself; a push to a registry that has the layers works in any case. Affects images pulled from now on; layers of archives and of `berth commit` are always kept.",
    ),
    gcHighPercent: integer(
      0,
      { min: 0, max: 100 },
      "When the usage of the image file system reaches this percentage, remove images that no container uses, least recently used first, but never pinned ones. 0 removes none: a kubelet does this itself (imageGCHighThresholdPercent).",
    ),
    gcLowPercent: integer(
      80,
      { min: 0, max: 100 },
      "Usage in percent down to which images are then removed.",
    ),
    gcMinAgeMs: duration(
      "2m",
      "How long an image must have been unused, and have had its names, to be removed by this.",
    ),
    gcDelayMs: duration(
      "10s",
      "How long after a removal unused content and snapshots are deleted. Removals within this time share one garbage collection.",
    ),
  }),
  network: section("Pod networks (CNI).", {
    default: oneOf(
      ["bridge", "none"],
      "bridge",
      "Network of pods while conf_dir has no configuration and conf_template is empty. bridge: a bridge of the daemon's own with masquerading, and with subnets that nothing else on this machine uses. none: pods wait for a configuration, and until then the node is not ready; set this on nodes whose cluster writes the configuration later.",
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
      "Use built-in versions of the CNI plugins bridge (with host-local or static), portmap, firewall, bandwidth, tuning and loopback for networks all of whose plugins and keys berth knows; no programs are started for them, and rules are in the nf_tables table berth. If false, the programs are run. Existing pods are detached by whatever attached them.",
    ),
    maxConfNum: integer(
      1,
      { min: 1, max: 32 },
      "Number of networks of conf_dir that each pod joins (eth0, eth1, ...).",
    ),
    pluginTimeoutMs: duration("1m", "A plugin that runs longer than this is killed.", "1s"),
    giveUpAfterMs: duration(
      "1m",
      "How long stopping a pod may keep failing because a plugin is missing or fails to tear down its network. After that the pod is removed anyway, and the teardown is retried at this interval and at each start.",
    ),
    confTemplate: optionalPath(
      "Template of a network configuration, rendered with the pod CIDR that the kubelet reports. If empty, nothing is rendered.",
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
      "How old the measured size of a container's writable layer may be before a request for it starts a new measurement in the background. Layers that take long to measure are measured less often, and those of containers that have used no CPU time since, only every ten minutes.",
    ),
    metrics: someOf(
      metricGroups,
      metricGroups.filter((group) => group !== "tasks"),
      "Groups of metrics that ListPodSandboxMetrics returns, under cAdvisor's names. process inspects every process of every container, and tasks every thread.",
    ),
  }),
  manager: section(
    "The pod manager, which runs Kubernetes manifests without a cluster (`berth apply`). Kubelets do not see its pods.",
    {
      enabled: boolean(
        true,
        "Run the manager. If false, pods that it has started keep running, but unmanaged.",
      ),
      endpoint: optionalPath(
        "Socket of another runtime's Container Runtime Interface to run the pods on. If empty, berthd runs them itself.",
      ),
      manifestDirs: absolutePaths(
        [],
        "Directories of manifests to run (*.yaml, *.yml, *.json), which are watched for changes. Objects that disappear from them are deleted.",
      ),
      logDir: absolutePath("/var/log/pods", "Directory for the logs of the manager's pods."),
      logMaxMib: integer(
        10,
        { min: 1, max: 1_048_576 },
        "Size in MiB at which a container's log is rotated, as by a kubelet (containerLogMaxSize): it is renamed with a timestamp, and all but the latest rotated file are compressed. container.run_log_limit_mib applies too.",
      ),
      logMaxFiles: integer(
        5,
        { min: 2, max: 1000 },
        "How many files of each log are kept, including the current one.",
      ),
      evictionHard: stringMap(
        {
          "memory.available": "100Mi",
          "nodefs.available": "10%",
          "nodefs.inodesFree": "5%",
          "imagefs.available": "15%",
          "imagefs.inodesFree": "5%",
        },
        "Pods are evicted, one at a time, while less than this is available, as by a kubelet with these thresholds. An empty table disables this.",
      ),
      imageGcHighPercent: integer(
        85,
        { min: 1, max: 100 },
        "Usage of the disk with images, in percent, at which unused images are removed, no matter who pulled them; 100 disables this.",
      ),
      imageGcLowPercent: integer(
        80,
        { min: 0, max: 100 },
        "Usage in percent down to which they are removed.",
      ),
      nodeLabels: stringMap(
        {},
        "Labels of this machine for nodeSelector, in addition to kubernetes.io/arch, kubernetes.io/hostname and kubernetes.io/os.",
      ),
    },
  ),
  streaming: section(
    "The server for the streams of exec, attach and port-forward. The CRI's Exec, Attach and PortForward calls return its URLs.",
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
