import assert from "node:assert/strict";
import { mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { HostPaths } from "../../../../ground/hostpaths/index.ts";
import { type CgroupLayout, mount, mountFlags, unmount } from "../../../../ground/linux/index.ts";
import { UnusableFiles } from "../../../../ground/logging/index.ts";
import {
  CgroupMountMode,
  ContainerConfig,
  MountPropagation,
  SecurityProfile_ProfileType as ProfileType,
  SupplementalGroupsPolicy,
} from "../../../../ground/protocol/index.ts";
import { tempDir } from "../../../../testing/temp-dir.ts";
import { AppArmor } from "../../apparmor/app-armor.ts";
import type { ContainerSettings } from "../input.ts";
import { resolveContainer } from "./resolve-container.ts";
import type { FoundUser } from "./user.ts";

type PartialConfig = Parameters<typeof ContainerConfig.fromPartial>[0];

const passwd = "root:x:0:0::/root:/bin/sh\nbroken\napp:x:1000:1001::/:/bin/sh\n";
const group = "root:x:0:\nweb:x:2000:app,other\napp:x:1001:\n";

async function rootfsWith(files: Readonly<Record<string, string>> = { passwd, group }) {
  const directory = await tempDir();
  await mkdir(join(directory.path, "rootfs/etc"), { recursive: true });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(directory.path, "rootfs/etc", name), text);
  return { ...directory, rootfsPath: join(directory.path, "rootfs") };
}

const plainSettings: ContainerSettings = {
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
};

function resolve(
  rootfsPath: string,
  config: PartialConfig = {},
  user = "",
  settings: Partial<ContainerSettings> = {},
  cgroups: CgroupLayout["kind"] = "v1",
  knownUser?: FoundUser,
) {
  const image = {
    user,
    exposedPorts: [],
    env: [],
    entrypoint: [],
    cmd: [],
    volumes: [],
    workingDir: "",
    labels: {},
    stopSignal: "",
  };
  return resolveContainer({
    config: ContainerConfig.fromPartial(config),
    image,
    rootfsPath,
    privilegedWithoutHostDevices: false,
    settings: { ...plainSettings, ...settings },
    labels: undefined,
    ...(knownUser !== undefined && { knownUser }),
    sandbox: { idMappings: undefined },
    host: { appArmor: false, cgroups },
    appArmor: new AppArmor(),
    seLinux: undefined,
    podId: "pod",
    edits: [],
    lookUp: new HostPaths().of("test"),
    pulledProfiles: { read: async (reference: string) => assert.fail(reference) },
    unusableFiles: new UnusableFiles({ warn: (fields: unknown) => assert.fail(JSON.stringify(fields)) }),
  });
}

describe("the user", () => {
  const cases: readonly (readonly [string, PartialConfig, string, object])[] = [
    ["is root where nobody says otherwise", {}, "", { uid: 0, gid: 0, additionalGids: [0] }],
    [
      "is the image's by name, with its groups",
      {},
      "app",
      { uid: 1000, gid: 1001, additionalGids: [1001, 2000] },
    ],
    ["is the image's by numbers alone", {}, "5:6", { uid: 5, gid: 6, additionalGids: [6] }],
    ["has a group by name", {}, "5:web", { uid: 5, gid: 2000, additionalGids: [2000] }],
    [
      "is CRI's before the image's",
      { linux: { securityContext: { runAsUser: { value: 1000n } } } },
      "root",
      { uid: 1000, gid: 1001, additionalGids: [1001, 2000] },
    ],
    [
      "is in group 0 when it is not in the image",
      { linux: { securityContext: { runAsUser: { value: 77n } } } },
      "",
      { uid: 77, gid: 0, additionalGids: [0] },
    ],
    [
      "has CRI's supplemental groups",
      {
        linux: {
          securityContext: { runAsUsername: "app", runAsGroup: { value: 9n }, supplementalGroups: [3n, 9n] },
        },
      },
      "",
      { uid: 1000, gid: 9, additionalGids: [9, 2000, 3] },
    ],
    [
      "has no groups of the image's with the policy Strict",
      {
        linux: {
          securityContext: {
            supplementalGroups: [3n],
            supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
          },
        },
      },
      "app",
      { uid: 1000, gid: 1001, additionalGids: [1001, 3] },
    ],
  ];
  for (const [title, config, imageUser, expected] of cases) {
    test("is not looked up if it is known", async () => {
      await using rootfs = await rootfsWith({});
      const known = { user: { uid: 1000, gid: 1001, additionalGids: [1001, 2000] }, home: "/data" };
      const { user, home } = await resolve(rootfs.rootfsPath, {}, "app", {}, "v1", known);
      assert.deepEqual({ user, home }, known);
      await assert.rejects(resolve(rootfs.rootfsPath, {}, "app"), { code: "FailedPrecondition" });
    });

    test(title, async () => {
      await using rootfs = await rootfsWith();
      assert.deepEqual((await resolve(rootfs.rootfsPath, config, imageUser)).user, expected);
    });
  }

  test("has the root as its home if the image does not know it, otherwise what OCI runtimes look up", async () => {
    await using rootfs = await rootfsWith();
    const homeOf = async (user: string) => (await resolve(rootfs.rootfsPath, {}, user)).home;
    assert.deepEqual(
      [await homeOf("77"), await homeOf("1000"), await homeOf("app")],
      ["/", undefined, undefined],
    );
  });

  test("is an error if the image does not know it, or if it is not a user", async () => {
    await using rootfs = await rootfsWith();
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "nobody"), {
      code: "FailedPrecondition",
      message: /nobody/,
    });
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "app:nogroup"), { code: "FailedPrecondition" });
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "a:b:c"), { code: "FailedPrecondition" });
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "-1"), { code: "InvalidArgument" });
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "4294967296"), { code: "InvalidArgument" });
    const securityContext = { runAsGroup: { value: 1n } };
    await assert.rejects(resolve(rootfs.rootfsPath, { linux: { securityContext } }), {
      code: "InvalidArgument",
    });
  });

  test("is looked up inside the image, wherever its symbolic links lead", async () => {
    await using rootfs = await rootfsWith({});
    await writeFile(join(rootfs.path, "passwd"), "app:x:666:666::/:/bin/sh\n");
    await writeFile(join(rootfs.rootfsPath, "passwd"), passwd);
    await symlink("../../../../passwd", join(rootfs.rootfsPath, "etc/passwd"));
    assert.equal((await resolve(rootfs.rootfsPath, {}, "app")).user.uid, 1000);
    await symlink("group", join(rootfs.rootfsPath, "etc/group"));
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "app"), { message: /too many symbolic links/ });
  });

  test("is read only from a regular file", async () => {
    await using rootfs = await rootfsWith({ group });
    await symlink("/dev", join(rootfs.rootfsPath, "etc/passwd"));
    await mkdir(join(rootfs.rootfsPath, "dev"));
    await assert.rejects(resolve(rootfs.rootfsPath, {}, "app"), { message: /not a regular file/ });
  });
});

describe("mounts", () => {
  test("have missing sources created as directories, and symbolic links resolved", async () => {
    await using rootfs = await rootfsWith();
    await mkdir(join(rootfs.path, "real"));
    await symlink("real", join(rootfs.path, "link"));
    const { mounts } = await resolve(rootfs.rootfsPath, {
      mounts: [
        { containerPath: "/a", hostPath: join(rootfs.path, "new/one") },
        { containerPath: "/b", hostPath: join(rootfs.path, "link") },
      ],
    });
    assert.ok((await stat(join(rootfs.path, "new/one"))).isDirectory());
    assert.equal(mounts[1]?.hostPath, join(rootfs.path, "real"));
  });

  test("are made where the image's dangling links lead, otherwise at the requested path", async () => {
    await using rootfs = await rootfsWith();
    const inside = (path: string) => join(rootfs.rootfsPath, path);
    await mkdir(inside("var"));
    await symlink("/gone/../nowhere/run", inside("var/run"));
    await symlink("../../../x/resolv.conf", inside("etc/resolv.conf"));
    await symlink("var", inside("link"));
    const at = (containerPath: string) => ({ hostPath: rootfs.path, containerPath });
    const mounts = [at("/var/run/a/b"), at("/link/new"), at("/new"), at("/dev/x")];
    const { places } = await resolve(rootfs.rootfsPath, { mounts });
    assert.deepEqual(Object.fromEntries(places), {
      "/var/run/a/b": "/nowhere/run/a/b",
      "/etc/resolv.conf": "/x/resolv.conf",
    });
    await symlink("hosts", inside("etc/hosts"));
    const message = /too many symbolic links in \/etc\/hosts/;
    await assert.rejects(resolve(rootfs.rootfsPath), { code: "FailedPrecondition", message });
  });

  test("with a missing source are rejected if the configuration says so", async () => {
    await using rootfs = await rootfsWith();
    const missing = join(rootfs.path, "missing");
    const settings = { absentMountSourcesToReject: [missing] };
    const mounts = [{ containerPath: "/a", hostPath: `${missing}/` }];
    await assert.rejects(resolve(rootfs.rootfsPath, { mounts }, "", settings), {
      code: "FailedPrecondition",
      message: /absent_mount_sources_to_reject/,
    });
    await assert.rejects(stat(missing), { code: "ENOENT" });
  });

  test("propagate only as far as the host's own mount does", async () => {
    await using rootfs = await rootfsWith();
    const source = join(rootfs.path, "source");
    await mkdir(source);
    await mount({ source: "tmpfs", target: source, type: "tmpfs" });
    await using _unmount = {
      [Symbol.asyncDispose]: () => unmount(source, { detach: true, missingOk: true }),
    };
    const asked = (propagation: MountPropagation) =>
      resolve(rootfs.rootfsPath, { mounts: [{ containerPath: "/a", hostPath: source, propagation }] });
    await mount({ source: "", target: source, type: "", flags: mountFlags.private });
    await assert.rejects(asked(MountPropagation.PROPAGATION_BIDIRECTIONAL), {
      code: "FailedPrecondition",
      message: /private/,
    });
    await mount({ source: "", target: source, type: "", flags: mountFlags.shared });
    assert.equal((await asked(MountPropagation.PROPAGATION_BIDIRECTIONAL)).mounts[0]?.propagation, "shared");
  });

  test("have absolute paths", async () => {
    await using rootfs = await rootfsWith();
    const relative = [{ containerPath: "a", hostPath: "/" }];
    await assert.rejects(resolve(rootfs.rootfsPath, { mounts: relative }), { code: "InvalidArgument" });
  });
});

test("devices have their numbers and the allowed access", async () => {
  await using rootfs = await rootfsWith();
  const devices = [{ hostPath: "/dev/null", containerPath: "/dev/nothing", permissions: "r" }];
  const [resolved] = (await resolve(rootfs.rootfsPath, { devices })).devices;
  assert.equal(resolved?.access, "r");
  assert.deepEqual(
    [resolved?.device.path, resolved?.device.type, resolved?.device.major, resolved?.device.minor],
    ["/dev/nothing", "c", 1, 3],
  );
  const none = [{ hostPath: "/etc/passwd", containerPath: "/dev/x", permissions: "r" }];
  await assert.rejects(resolve(rootfs.rootfsPath, { devices: none }), {
    code: "FailedPrecondition",
    message: /not a device/,
  });
});

test("devices belong to the security context's user and group if the configuration says so", async () => {
  await using rootfs = await rootfsWith();
  const devices = [{ hostPath: "/dev/null", containerPath: "", permissions: "" }];
  const owners = async (securityContext: object, settings: Partial<ContainerSettings>) => {
    const config = { devices, linux: { securityContext } };
    const [resolved] = (await resolve(rootfs.rootfsPath, config, "app", settings)).devices;
    return [resolved?.device.uid, resolved?.device.gid];
  };
  const user = { runAsUser: { value: 1000n }, runAsGroup: { value: 1001n } };
  const asked = { deviceOwnershipFromSecurityContext: true };
  assert.deepEqual(await owners(user, {}), [0, 0]);
  assert.deepEqual(await owners(user, asked), [1000, 1001]);
  assert.deepEqual(await owners({}, asked), [0, 0]);
});

test("a privileged container gets the host's devices except for its console", async () => {
  await using rootfs = await rootfsWith();
  const { hostDevices } = await resolve(rootfs.rootfsPath, {
    linux: { securityContext: { privileged: true } },
  });
  const paths = hostDevices.map(({ path }) => path);
  assert.ok(paths.includes("/dev/null"));
  assert.ok(!paths.some((path) => path === "/dev/console" || path.startsWith("/dev/pts/")));
});

test("writable cgroups are rejected if the kernel does not protect limits, whatever else is requested", async () => {
  await using made = await rootfsWith();
  const cgroupMountMode = CgroupMountMode.CGROUP_MOUNT_MODE_READ_WRITE;
  for (const privileged of [false, true])
    for (const kind of ["v1", "hybrid"] as const)
      await assert.rejects(
        resolve(
          made.rootfsPath,
          { linux: { securityContext: { cgroupMountMode, privileged } } },
          "",
          {},
          kind,
        ),
        {
          code: "FailedPrecondition",
          message: /^linux\.security_context\.cgroup_mount_mode: .*nsdelegate/,
        },
      );
});

test("a Localhost seccomp profile is read from its file, and an invalid file is an error", async () => {
  await using rootfs = await rootfsWith();
  const file = join(rootfs.path, "profile.json");
  const config = {
    linux: { securityContext: { seccomp: { profileType: ProfileType.Localhost, localhostRef: file } } },
  };
  await assert.rejects(resolve(rootfs.rootfsPath, config), { code: "FailedPrecondition" });
  await writeFile(file, '{"defaultAction":"SCMP_ACT_ALLOW"}');
  assert.deepEqual((await resolve(rootfs.rootfsPath, config)).seccompProfile, {
    defaultAction: "SCMP_ACT_ALLOW",
    archMap: [],
    syscalls: [],
  });
  await writeFile(file, "[]");
  await assert.rejects(resolve(rootfs.rootfsPath, config), { code: "FailedPrecondition" });
});
