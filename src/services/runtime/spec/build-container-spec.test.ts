import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CgroupMountMode,
  ContainerConfig,
  NamespaceMode,
  PodSandboxConfig,
  SecurityProfile_ProfileType as ProfileType,
} from "../../../ground/protocol/index.ts";
import { buildContainerSpec } from "./build-container-spec.ts";
import type { HostFacts } from "./host-facts.ts";
import type { ContainerSpecInput, SandboxFacts, SecuritySettings } from "./input.ts";
import { passNone } from "./passed-annotations.ts";
import type { OciSpec } from "./types.ts";

type PartialConfig = Parameters<typeof ContainerConfig.fromPartial>[0];

const host: HostFacts = {
  cgroups: "v2",
  swapController: true,
  hugetlbController: true,
  capabilities: ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN", "CAP_SYS_ADMIN"],
  minOomScoreAdj: -1000,
  maxOpenFiles: 5000,
  rlimitCeilings: { RLIMIT_CORE: 100 },
  messageQueues: true,
  seccomp: true,
  appArmor: false,
  seLinux: false,
  architecture: "x64",
  kernel: { text: "6.1.0", major: 6, minor: 1 },
};

const image = {
  user: "",
  exposedPorts: [],
  env: ["PATH=/image", "COLOR=red"],
  entrypoint: ["/entry"],
  cmd: ["serve"],
  volumes: [],
  workingDir: "/work",
  labels: {},
  stopSignal: "",
};

const base: Omit<ContainerSpecInput, "config"> = {
  id: "c1",
  sandboxConfig: PodSandboxConfig.fromPartial({
    metadata: { name: "web", namespace: "prod", uid: "u1" },
    linux: { cgroupParent: "/kubepods/pod1", securityContext: { privileged: true } },
  }),
  sandbox: {
    id: "s1",
    hostname: "web-0",
    namespaces: {
      network: "/ns/net",
      ipc: "/ns/ipc",
      uts: "/ns/uts",
      user: undefined,
      pid: "/proc/7/ns/pid",
    },
    idMappings: undefined,
    specHasIdMappings: true,
    readOnlySysfsIsForAll: false,
    files: { shm: "/s1/shm", hosts: "/s1/hosts", hostname: "/s1/hostname", resolvConf: "/s1/resolv.conf" },
  },
  image,
  imageName: "docker.io/library/web:1",
  rootfsPath: "/rootfs",
  resolved: {
    user: { uid: 0, gid: 0, additionalGids: [0] },
    home: undefined,
    mounts: [],
    places: new Map(),
    devices: [],
    hostDevices: [],
    seccompProfile: undefined,
    pulledSeccompProfile: undefined,
    appArmorProfile: undefined,
    edits: [],
    hooks: [],
  },
  targetPid: undefined,
  cgroupDriver: "cgroupfs",
  labels: undefined,
  features: {
    recursiveReadOnlyMounts: false,
    userNamespaces: false,
    cgroupNamespaces: false,
    checkpoint: false,
    idMappingsInSpec: true,
    readOnlySysfsForAll: false,
  },
  privilegedWithoutHostDevices: false,
  annotationRules: passNone,
  settings: {
    absentMountSourcesToReject: [],
    deviceOwnershipFromSecurityContext: false,
    security: {
      unsetSeccompProfile: "unconfined",
      privilegedSeccompProfile: "unconfined",
      seccompProfile: "",
      seccompProfileRoot: "/var/lib/kubelet/seccomp",
      disableApparmor: false,
      apparmorProfile: "berth-default",
      enableSelinux: false,
    },
    defaultUlimits: [],
    pidsLimit: 0,
    hooksDirs: [],
    unusableHooks: "refuse",
  },
  edits: [],
  host,
};

function build(config: PartialConfig = {}, change: Partial<ContainerSpecInput> = {}): OciSpec {
  return buildContainerSpec({ ...base, config: ContainerConfig.fromPartial(config), ...change });
}

describe("the process", () => {
  test("runs the image's entrypoint and cmd, or what replaces them", () => {
    assert.deepEqual(build().process.args, ["/entry", "serve"]);
    assert.deepEqual(build({ args: ["x"] }).process.args, ["/entry", "x"]);
    assert.deepEqual(build({ command: ["/c"] }).process.args, ["/c"]);
    assert.deepEqual(build({ command: ["/c"], args: ["x"] }).process.args, ["/c", "x"]);
    const empty = { ...image, entrypoint: [], cmd: [] };
    assert.throws(() => build({}, { image: empty }), { code: "InvalidArgument", message: /no command/ });
  });

  test("has each variable once: the container's before the image's before the default", () => {
    const { env } = build({ envs: [{ key: "COLOR", value: Buffer.from("blue") }], tty: true }).process;
    assert.deepEqual(env.toSorted(), ["COLOR=blue", "HOSTNAME=web-0", "PATH=/image", "TERM=xterm"]);
    assert.match(build({}, { image: { ...image, env: [] } }).process.env.join(), /PATH=\/usr\/local\/sbin:/);
  });

  test("has no variable of which the image gives only the name, and none of that name from before", () => {
    const { env } = build(
      {},
      { image: { ...image, env: ["PATH", "COLOR=red", "COLOR", "SHAPE", ""] } },
    ).process;
    assert.deepEqual(env, ["HOSTNAME=web-0"]);
  });

  test("starts in the configured directory, the image's, or the root", () => {
    assert.equal(build({ workingDir: "/here" }).process.cwd, "/here");
    assert.equal(build().process.cwd, "/work");
    assert.equal(build({}, { image: { ...image, workingDir: "" } }).process.cwd, "/");
  });

  test("gets no oom_score_adj lower than the daemon may give", () => {
    const resources = { oomScoreAdj: -997n };
    assert.equal(build({ linux: { resources } }).process.oomScoreAdj, -997);
    assert.equal(
      build({ linux: { resources } }, { host: { ...host, minOomScoreAdj: -5 } }).process.oomScoreAdj,
      -5,
    );
    assert.equal(build().process.oomScoreAdj, 0);
  });

  test("gets as many open files as the daemon can give, up to the usual limit", () => {
    assert.deepEqual(build().process.rlimits, [{ type: "RLIMIT_NOFILE", soft: 5000, hard: 5000 }]);
    const rich = { ...host, maxOpenFiles: 2 ** 30 };
    assert.equal(build({}, { host: rich }).process.rlimits[0]?.hard, 1024 * 1024);
  });
});

test("limits of processes and their number come from the configuration, as far as the daemon can give them", () => {
  const defaultUlimits = [
    { type: "RLIMIT_NOFILE", soft: 10, hard: 20 },
    { type: "RLIMIT_CORE", soft: 50, hard: Number.POSITIVE_INFINITY },
    { type: "RLIMIT_NPROC", soft: 7, hard: Number.POSITIVE_INFINITY },
  ];
  const { process, linux } = build({}, { settings: { ...base.settings, defaultUlimits, pidsLimit: 99 } });
  assert.deepEqual(process.rlimits, [
    defaultUlimits[0],
    { type: "RLIMIT_CORE", soft: 50, hard: 100 },
    defaultUlimits[2],
  ]);
  assert.deepEqual(linux.resources.pids, { limit: 99 });
  assert.equal(build().linux.resources.pids, undefined);
});

describe("capabilities", () => {
  const capabilities = (addCapabilities: string[], dropCapabilities: string[]) =>
    build({ linux: { securityContext: { capabilities: { addCapabilities, dropCapabilities } } } }).process
      .capabilities.bounding;

  test("are those of the defaults that the daemon has", () => {
    assert.deepEqual(build().process.capabilities.effective, ["CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_KILL"]);
  });

  test("can be added and dropped in any spelling, ALL first", () => {
    assert.deepEqual(capabilities(["net_admin"], ["CAP_KILL"]), [
      "CAP_AUDIT_WRITE",
      "CAP_CHOWN",
      "CAP_NET_ADMIN",
    ]);
    assert.deepEqual(capabilities(["KILL"], ["ALL"]), ["CAP_KILL"]);
    assert.deepEqual(capabilities(["ALL"], ["SYS_ADMIN"]), host.capabilities.slice(0, -1));
    assert.deepEqual(capabilities(["SYS_BOOT"], ["all"]), []);
    assert.deepEqual(capabilities(["ALL", "KILL"], ["ALL"]), ["CAP_KILL"]);
  });

  test("that are requested as ambient are in every set, and no others are inheritable", () => {
    const sets = build({
      linux: {
        securityContext: {
          capabilities: {
            addCapabilities: ["NET_ADMIN"],
            addAmbientCapabilities: ["SYS_ADMIN", "CHOWN", "SYS_BOOT"],
            dropCapabilities: ["ALL", "CHOWN"],
          },
        },
      },
    }).process.capabilities;
    const all = ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"];
    const ambient = ["CAP_SYS_ADMIN"];
    assert.deepEqual(sets, {
      bounding: all,
      effective: all,
      permitted: all,
      inheritable: ambient,
      ambient,
    });
    assert.deepEqual(Object.keys(build().process.capabilities), ["bounding", "effective", "permitted"]);
  });

  test("that the kernel does not have are rejected by name", () => {
    for (const list of ["addCapabilities", "dropCapabilities", "addAmbientCapabilities"]) {
      assert.throws(
        () => build({ linux: { securityContext: { capabilities: { [list]: ["NET_ADMINN"] } } } }),
        {
          code: "InvalidArgument",
          message: /NET_ADMINN/,
        },
      );
    }
  });
});

describe("mounts", () => {
  const mount = { readonly: false, recursiveReadOnly: false, propagation: "private", options: [] } as const;
  const withMounts = (...mounts: ContainerSpecInput["resolved"]["mounts"]) => ({
    resolved: { ...base.resolved, mounts },
  });

  test("include the sandbox's files, unless the configuration has a mount there", () => {
    const own = { ...mount, containerPath: "/etc/hosts", hostPath: "/mine" };
    const sources = new Map(build({}, withMounts(own)).mounts.map((m) => [m.destination, m.source]));
    assert.equal(sources.get("/etc/hosts"), "/mine");
    assert.equal(sources.get("/etc/resolv.conf"), "/s1/resolv.conf");
    assert.equal(sources.get("/dev/shm"), "/s1/shm");
  });

  test("are ordered by depth, with each destination once, and none below a mounted /dev", () => {
    const deep = { ...mount, containerPath: "/data/a/b", hostPath: "/1" };
    const shallow = { ...mount, containerPath: "/data/", hostPath: "/2" };
    const dev = { ...mount, containerPath: "/dev", hostPath: "/dev" };
    const destinations = build({}, withMounts(deep, shallow, dev)).mounts.map((m) => m.destination);
    assert.ok(destinations.indexOf("/data/") < destinations.indexOf("/data/a/b"));
    assert.equal(new Set(destinations).size, destinations.length);
    assert.ok(!destinations.includes("/dev/pts"));
  });

  test("propagate as requested, and so does the root", () => {
    const slave = { ...mount, containerPath: "/a", hostPath: "/a", propagation: "slave" } as const;
    const shared = { ...mount, containerPath: "/b", hostPath: "/b", propagation: "shared" } as const;
    assert.equal(build({}, withMounts(slave)).linux.rootfsPropagation, "rslave");
    const both = build({}, withMounts(slave, shared));
    assert.equal(both.linux.rootfsPropagation, "rshared");
    assert.deepEqual(both.mounts.find((m) => m.destination === "/b")?.options, ["rbind", "rshared", "rw"]);
  });

  test("are recursively read-only only if that is supported", () => {
    const rro = { ...mount, containerPath: "/a", hostPath: "/a", readonly: true, recursiveReadOnly: true };
    assert.throws(() => build({}, withMounts(rro)), {
      code: "FailedPrecondition",
      message: /RROUnsupported/,
    });
    const able = {
      ...withMounts(rro),
      features: {
        recursiveReadOnlyMounts: true,
        userNamespaces: false,
        cgroupNamespaces: false,
        checkpoint: false,
        idMappingsInSpec: true,
        readOnlySysfsForAll: false,
      },
    };
    assert.ok(
      build({}, able)
        .mounts.find((m) => m.destination === "/a")
        ?.options.includes("rro"),
    );
    assert.throws(() => build({}, { ...able, ...withMounts({ ...rro, readonly: false }) }), {
      code: "InvalidArgument",
    });
  });
});

describe("namespaces", () => {
  const types = (pid: NamespaceMode, change: Partial<ContainerSpecInput> = {}) =>
    build({ linux: { securityContext: { namespaceOptions: { pid } } } }, change).linux.namespaces;

  test("are the sandbox's, with the requested PID namespace", () => {
    const own = types(NamespaceMode.CONTAINER);
    assert.deepEqual(
      own.find(({ type }) => type === "network"),
      { type: "network", path: "/ns/net" },
    );
    assert.deepEqual(
      own.find(({ type }) => type === "pid"),
      { type: "pid" },
    );
    assert.deepEqual(types(NamespaceMode.POD).find(({ type }) => type === "pid")?.path, "/proc/7/ns/pid");
    assert.equal(
      types(NamespaceMode.NODE).find(({ type }) => type === "pid"),
      undefined,
    );
    const securityContext = { namespaceOptions: { pid: NamespaceMode.CONTAINER } };
    const sandboxConfig = PodSandboxConfig.fromPartial({ linux: { securityContext } });
    const silent = build({ linux: {} }, { sandboxConfig }).linux.namespaces;
    assert.deepEqual(
      silent.find(({ type }) => type === "pid"),
      { type: "pid" },
    );
    const target = types(NamespaceMode.TARGET, { targetPid: 42 }).find(({ type }) => type === "pid");
    assert.equal(target?.path, "/proc/42/ns/pid");
    assert.throws(() => types(NamespaceMode.TARGET), { code: "FailedPrecondition" });
  });

  test("include a cgroup namespace only with cgroup v2", () => {
    const has = (namespaces: OciSpec["linux"]["namespaces"]) =>
      namespaces.some(({ type }) => type === "cgroup");
    assert.ok(has(types(NamespaceMode.CONTAINER)));
    assert.ok(!has(types(NamespaceMode.CONTAINER, { host: { ...host, cgroups: "hybrid" } })));
  });
});

describe("a container's cgroups", () => {
  const able = { features: { ...base.features, cgroupNamespaces: true } };
  const hybrid = { host: { ...host, cgroups: "hybrid" } } as const;
  const seen = (securityContext: object, change: Partial<ContainerSpecInput> = able) => {
    const { mounts, linux } = build({ linux: { securityContext } }, change);
    const { options } = mounts.find(({ destination }) => destination === "/sys/fs/cgroup") ?? {};
    return [linux.namespaces.some(({ type }) => type === "cgroup"), options?.at(-1)];
  };
  const mode = (asked: NamespaceMode) => ({ namespaceOptions: { cgroupnsOptions: { mode: asked } } });

  test("are in the requested namespace, with every version of cgroups, privileged or not", () => {
    for (const change of [able, { ...able, ...hybrid }]) {
      for (const privileged of [false, true]) {
        const access = privileged ? "rw" : "ro";
        assert.deepEqual(seen({ privileged, ...mode(NamespaceMode.CONTAINER) }, change), [true, access]);
        assert.deepEqual(seen({ privileged, ...mode(NamespaceMode.NODE) }, change), [false, access]);
      }
    }
    assert.throws(() => seen(mode(NamespaceMode.CONTAINER), {}), {
      code: "FailedPrecondition",
      message: /cgroupns_options\.mode: CONTAINER needs/,
    });
  });

  test("are bound from the host in the node's namespace, since mounting version 2 would change the host's options", () => {
    const mountOf = (asked: NamespaceMode, change: Partial<ContainerSpecInput>) =>
      build({ linux: { securityContext: mode(asked) } }, change).mounts.find(
        ({ destination }) => destination === "/sys/fs/cgroup",
      );
    const { type, source, options } = mountOf(NamespaceMode.NODE, able) ?? assert.fail();
    assert.deepEqual(
      [type, source, options.includes("rbind"), options.at(-1)],
      ["bind", "/sys/fs/cgroup", true, "ro"],
    );
    assert.equal(mountOf(NamespaceMode.CONTAINER, able)?.type, "cgroup");
    assert.equal(mountOf(NamespaceMode.NODE, { ...able, ...hybrid })?.type, "cgroup");
  });

  test("are mounted as requested", () => {
    const readWrite = { cgroupMountMode: CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE };
    const readOnly = { cgroupMountMode: CgroupMountMode.CGROUP_MOUNT_MODE_READ_ONLY };
    assert.deepEqual(seen(readWrite), [true, "rw"]);
    assert.deepEqual(seen({ ...readWrite, privileged: true }), [false, "rw"]);
    assert.deepEqual(seen(readOnly), [true, "ro"]);
    assert.deepEqual(seen(readOnly, hybrid), [false, "ro"]);
  });

  test("are not accepted as requested if something else covers them", () => {
    const readWrite = { cgroupMountMode: CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE };
    const refused = { code: "InvalidArgument", message: /cgroup_mount_mode: not possible.* cover \/sys/ };
    const mount = {
      containerPath: "/sys/fs/cgroup/",
      hostPath: "/srv",
      readonly: false,
      recursiveReadOnly: false,
      propagation: "private",
      options: [],
    } as const;
    assert.throws(
      () => seen(readWrite, { ...able, resolved: { ...base.resolved, mounts: [mount] } }),
      refused,
    );
    assert.throws(() => seen({ ...readWrite, readonlyPaths: ["/sys/fs"] }), refused);
    assert.throws(() => seen({ ...readWrite, maskedPaths: ["/sys/fs/cgroup"] }), refused);
    assert.throws(() => seen({ ...readWrite, maskedPaths: ["/sys//fs/./cgroup"] }), refused);
    // With a backtracking pattern, this would take minutes and block the process of the test.
    seen({ ...readWrite, maskedPaths: [`${"/".repeat(1_000_000)}x`] });
  });
});

describe("a user namespace", () => {
  const idMappings = {
    uids: [{ containerId: 0, hostId: 100_000, length: 65_536 }],
    gids: [{ containerId: 0, hostId: 200_000, length: 1000 }],
  };
  const sandbox = {
    ...base.sandbox,
    idMappings,
    namespaces: { ...base.sandbox.namespaces, user: "/ns/user" },
  };

  test("is joined, with its mappings", () => {
    const { linux } = build({}, { sandbox });
    assert.deepEqual(
      linux.namespaces.find(({ type }) => type === "user"),
      { type: "user", path: "/ns/user" },
    );
    assert.deepEqual(linux.uidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
    assert.deepEqual(linux.gidMappings, [{ containerID: 0, hostID: 200_000, size: 1000 }]);
    const quiet = build({}, { sandbox: { ...sandbox, specHasIdMappings: false } }).linux;
    assert.deepEqual([quiet.uidMappings, quiet.gidMappings], [undefined, undefined]);
    assert.deepEqual([build().linux.uidMappings, build().linux.gidMappings], [undefined, undefined]);
  });

  test("accepts only users and groups that are mapped in it", () => {
    const as = (uid: number, gid: number, additionalGids: number[]) => () =>
      build({}, { sandbox, resolved: { ...base.resolved, user: { uid, gid, additionalGids } } });
    as(65_535, 999, [0, 999])();
    assert.throws(as(65_536, 0, []), { code: "InvalidArgument", message: /user 65536 is not mapped/ });
    assert.throws(as(0, 1000, []), { code: "InvalidArgument", message: /group 1000 is not mapped/ });
    assert.throws(as(0, 0, [5, 2000]), { code: "InvalidArgument", message: /group 2000 is not mapped/ });
  });

  test("gets the kernel file systems of the host's namespaces from the host", () => {
    const types = (change: Partial<SandboxFacts["namespaces"]>, pid: NamespaceMode, more: object = {}) => {
      const config = { linux: { securityContext: { namespaceOptions: { pid } } } };
      const facts = { ...sandbox, namespaces: { ...sandbox.namespaces, ...change } };
      const { mounts } = build(config, { sandbox: facts, ...more });
      return ["/proc", "/sys", "/dev/mqueue"].map(
        (path) => mounts.find(({ destination }) => destination === path)?.type,
      );
    };
    assert.deepEqual(types({}, NamespaceMode.CONTAINER), ["proc", "sysfs", "mqueue"]);
    assert.deepEqual(types({}, NamespaceMode.NODE), ["bind", "sysfs", "mqueue"]);
    const ofHost = { network: undefined, ipc: undefined };
    assert.deepEqual(types(ofHost, NamespaceMode.CONTAINER), ["proc", "bind", "bind"]);
    const without = { host: { ...host, messageQueues: false } };
    assert.deepEqual(types(ofHost, NamespaceMode.CONTAINER, without), ["proc", "bind", undefined]);
    assert.deepEqual(types({ ...ofHost, user: undefined }, NamespaceMode.NODE), ["proc", "sysfs", "mqueue"]);
  });
});

describe("security", () => {
  test("a context determines the masked paths; without one, the defaults apply", () => {
    assert.ok(build().linux.maskedPaths.includes("/proc/kcore"));
    assert.deepEqual(build({ linux: { securityContext: {} } }).linux.maskedPaths, []);
    const own = build({ linux: { securityContext: { maskedPaths: ["/proc/x"] } } });
    assert.deepEqual(own.linux.maskedPaths, ["/proc/x"]);
  });

  test("a privileged container has everything", () => {
    const config = {
      linux: { securityContext: { privileged: true, seccomp: { profileType: ProfileType.RuntimeDefault } } },
    };
    const spec = build(config);
    assert.deepEqual(spec.process.capabilities.bounding, host.capabilities);
    assert.deepEqual(spec.linux.resources.devices, [{ allow: true, access: "rwm" }]);
    assert.equal(spec.linux.seccomp, undefined);
    assert.ok(spec.mounts.find((m) => m.destination === "/sys")?.options.includes("rw"));
  });

  test("the default seccomp profile allows with a capability what that needs", () => {
    const seccomp = (addCapabilities: string[]) =>
      build({
        linux: {
          securityContext: {
            seccomp: { profileType: ProfileType.RuntimeDefault },
            capabilities: { addCapabilities },
          },
        },
      }).linux.seccomp;
    const allowed = (calls: ReturnType<typeof seccomp>) =>
      calls?.syscalls?.find(({ args }) => args === undefined)?.names;
    assert.ok(allowed(seccomp([]))?.includes("openat"));
    assert.ok(!allowed(seccomp([]))?.includes("mount"));
    assert.ok(allowed(seccomp(["SYS_ADMIN"]))?.includes("mount"));
    assert.ok(
      seccomp([])?.syscalls?.some(({ names, errnoRet }) => names.includes("clone3") && errnoRet === 38),
    );
  });

  test("a profile that this host does not support is an error, and not ignored", () => {
    const seccomp = { profileType: ProfileType.RuntimeDefault };
    const old = { host: { ...host, seccomp: false } };
    assert.throws(() => build({ linux: { securityContext: { seccomp } } }, old), {
      code: "FailedPrecondition",
    });
  });

  test("the configuration's profiles are used for containers that request none and for privileged ones", () => {
    const filtered = (change: Partial<SecuritySettings>, securityContext: object) => {
      const security = { ...base.settings.security, ...change };
      const settings = { ...base.settings, security };
      return build({ linux: { securityContext } }, { settings }).linux.seccomp !== undefined;
    };
    const unset = { unsetSeccompProfile: "runtime/default" };
    assert.ok(filtered(unset, {}));
    assert.ok(!filtered(unset, { seccomp: { profileType: ProfileType.Unconfined } }));
    assert.ok(!filtered(unset, { privileged: true }));
    assert.ok(!filtered({}, {}));
    const privileged = { privilegedSeccompProfile: "runtime/default" };
    assert.ok(filtered(privileged, { privileged: true }));
    assert.ok(!filtered(privileged, {}));
  });

  test("SELinux labels are set for the process and its mounts", () => {
    const labels = { process: "u:r:container_t:s0:c1,c2", mount: "u:object_r:container_file_t:s0:c1,c2" };
    const spec = build({}, { labels });
    assert.deepEqual([spec.process.selinuxLabel, spec.linux.mountLabel], [labels.process, labels.mount]);
    assert.ok(!("selinuxLabel" in build().process) && !("mountLabel" in build().linux));
  });

  test("an SELinux label is rejected if the host has SELinux and the configuration disables it", () => {
    const linux = { securityContext: { selinuxOptions: { level: "s0:c1,c2" } } };
    assert.throws(() => build({ linux }, { host: { ...host, seLinux: true } }), {
      code: "FailedPrecondition",
      message: /selinux_options.*security\.enable_selinux/,
    });
    assert.deepEqual(build({ linux }), build({ linux: { securityContext: {} } }));
  });
});

describe("resources", () => {
  test("are as requested, with no swap beyond the memory", () => {
    const resources = {
      cpuPeriod: 100_000n,
      cpuQuota: 50_000n,
      cpuShares: 512n,
      memoryLimitInBytes: 1n << 30n,
      cpusetCpus: "0",
    };
    const { cpu, memory } = build({ linux: { resources } }).linux.resources;
    assert.deepEqual(cpu, { period: 100_000, quota: 50_000, cpus: "0" });
    assert.deepEqual(memory, { limit: 2 ** 30, swap: 2 ** 30 });
    const noSwap = build({ linux: { resources } }, { host: { ...host, swapController: false } });
    assert.deepEqual(noSwap.linux.resources.memory, { limit: 2 ** 30 });
  });

  test("that only cgroup v2 has require it, and numbers must be exact", () => {
    const unified = { "memory.min": "1" };
    assert.deepEqual(build({ linux: { resources: { unified } } }).linux.resources.unified, unified);
    const v1 = { host: { ...host, cgroups: "v1" } as const };
    assert.throws(() => build({ linux: { resources: { unified } } }, v1), { code: "FailedPrecondition" });
    const huge = { memoryLimitInBytes: 2n ** 62n };
    assert.throws(() => build({ linux: { resources: huge } }), {
      code: "InvalidArgument",
      message: /memory_limit/,
    });
  });

  test("let a container use the devices that it has", () => {
    const device = {
      type: "c",
      path: "/dev/fuse",
      major: 10,
      minor: 229,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
    } as const;
    const spec = build(
      {},
      { resolved: { ...base.resolved, devices: [{ device, access: "rw", hostPath: "/dev/fuse" }] } },
    );
    assert.deepEqual(spec.linux.devices, [device]);
    assert.deepEqual(spec.linux.resources.devices, [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    ]);
  });

  test("the cgroup is below the pod's, in the driver's form", () => {
    assert.equal(build().linux.cgroupsPath, "/kubepods/pod1/c1");
    assert.throws(() => build({}, { cgroupDriver: "systemd" }), {
      code: "InvalidArgument",
      message: /cgroupDriver/,
    });
    const sandboxConfig = PodSandboxConfig.fromPartial({
      linux: { cgroupParent: "/kubepods.slice/kubepods-pod1.slice" },
    });
    assert.equal(
      build({}, { cgroupDriver: "systemd", sandboxConfig }).linux.cgroupsPath,
      "kubepods-pod1.slice:berth:c1",
    );
    const none = PodSandboxConfig.fromPartial({});
    assert.equal(build({}, { sandboxConfig: none }).linux.cgroupsPath, "/berth/c1");
    assert.equal(
      build({}, { sandboxConfig: none, cgroupDriver: "systemd" }).linux.cgroupsPath,
      "system.slice:berth:c1",
    );
  });
});

test("annotations identify the container to OCI runtimes and agents", () => {
  const { annotations } = build({ metadata: { name: "app" } });
  assert.equal(annotations["io.kubernetes.cri.container-type"], "container");
  assert.equal(annotations["io.kubernetes.cri.container-name"], "app");
  assert.equal(annotations["io.kubernetes.cri.sandbox-id"], "s1");
  assert.equal(annotations["io.kubernetes.cri.sandbox-namespace"], "prod");
});
