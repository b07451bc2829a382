import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CgroupMountMode,
  CreateContainerRequest,
  MountPropagation,
  NamespaceMode,
} from "../../../ground/protocol/index.ts";
import { containerConfig, podSandboxConfig } from "../testing/samples.ts";
import { createContainer } from "./index.ts";

type Changes = NonNullable<Parameters<typeof containerConfig>[0]>;

function check(changes: Changes): void {
  createContainer(
    CreateContainerRequest.fromPartial({
      podSandboxId: "5a",
      config: containerConfig(changes),
      sandboxConfig: podSandboxConfig(),
    }),
  );
}

function refuses(changes: Changes, message: string | RegExp): void {
  assert.throws(() => check(changes), { name: "CriError", code: "InvalidArgument", message });
}

const bind = { containerPath: "/data", hostPath: "/srv/data" };

test("the sandbox, both configs, a name and an image must be given", () => {
  const complete = { podSandboxId: "5a", config: containerConfig(), sandboxConfig: podSandboxConfig() };
  const without = (changes: object) => () =>
    createContainer(CreateContainerRequest.fromPartial({ ...complete, ...changes }));
  createContainer(CreateContainerRequest.fromPartial(complete));
  assert.throws(without({ podSandboxId: "" }), { message: "pod_sandbox_id: must not be empty" });
  assert.throws(without({ config: undefined }), { message: "config: must be set" });
  assert.throws(without({ sandboxConfig: undefined }), { message: "sandbox_config: must be set" });
  refuses({ metadata: undefined }, "config.metadata: must be set");
  refuses({ metadata: { name: "" } }, "config.metadata.name: must not be empty");
  refuses({ image: undefined }, "config.image: must be set");
  refuses({ image: { image: "" } }, "config.image.image: must not be empty");
});

test("the log path stays below the sandbox's log directory", () => {
  for (const logPath of ["", "app/0.log", "busybox.0.log", "a..log", "/app/0.log", "app/../0.log"])
    check({ logPath });
  refuses(
    { logPath: "../x.log" },
    'config.log_path: must not leave the log directory with "..", is "../x.log"',
  );
  refuses({ logPath: "app/../../x" }, /^config\.log_path: must not leave the log directory/);
  refuses({ logPath: "/../x" }, /^config\.log_path: must not leave the log directory/);
  refuses({ logPath: "app\n.log" }, /^config\.log_path: must not contain newlines/);
});

test("mounts have a source and an absolute place", () => {
  check({ mounts: [bind] });
  refuses({ mounts: [{ containerPath: "/data" }] }, "config.mounts[0].host_path: must not be empty");
  refuses(
    { mounts: [{ ...bind, hostPath: "srv" }] },
    'config.mounts[0].host_path: must be an absolute path, is "srv"',
  );
  check({ mounts: [{ ...bind, hostPath: "/srv/../etc" }] });
  refuses(
    { mounts: [bind, { ...bind, containerPath: "data" }] },
    /^config\.mounts\[1\]\.container_path: must be an absolute path/,
  );
  refuses({ mounts: [{ ...bind, containerPath: "" }] }, /container_path: must be an absolute path/);
  refuses({ mounts: [{ ...bind, hostPath: "/srv\n/x" }] }, /host_path: must not contain newlines/);
});

test("an image is mounted by its name alone, read-only, as a whole or from a path in it", () => {
  const whole = { containerPath: "/i", image: { image: "b" }, readonly: true };
  const refusesWith = (changes: object, message: RegExp) =>
    refuses({ mounts: [{ ...whole, ...changes }] }, message);
  check({ mounts: [whole, { ...whole, imageSubPath: "bin" }] });
  refusesWith({ readonly: false }, /mounts\[0\]\.readonly: must be set/);
  refusesWith({ hostPath: "/srv" }, /host_path: must be empty/);
  refusesWith({ image: { image: "" } }, /image\.image: must not be empty/);
  refusesWith({ propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL }, /propagation: must be /);
  refusesWith({ imageSubPath: "../x" }, /image_sub_path: must not contain "\.\."/);
  refusesWith({ imageSubPath: "/x" }, /image_sub_path: must be a relative path/);
});

test("a mount of no image may say a path in one: kubelets do so when the pod has an image volume as well", () => {
  check({ mounts: [{ ...bind, imageSubPath: "x" }] });
});

test("a mount forbids what has no other field: noexec, nodev, nosuid, each once", () => {
  check({ mounts: [{ ...bind, mountOptions: ["noexec", "nodev", "nosuid"] }] });
  const wrong = (mountOptions: string[]) => ({ mounts: [{ ...bind, mountOptions }] });
  refuses(wrong(["nosuid", "rw"]), /^config\.mounts\[0\]\.mount_options\[1\]: must be one of noexec, /);
  refuses(wrong(["exec"]), /mount_options\[0\]: must be one of/);
  refuses(wrong(["noexec,rw"]), /mount_options\[0\]: must be one of/);
  refuses(wrong(["nodev", "nodev"]), "config.mounts[0].mount_options: must not have a duplicate option");
});

test("a mount's owners are mapped for users and groups, as the kernel takes it", () => {
  const mapping = { containerId: 0, hostId: 1000, length: 10 };
  check({ mounts: [{ ...bind, uidMappings: [mapping], gidMappings: [mapping] }] });
  refuses(
    { mounts: [{ ...bind, uidMappings: [mapping] }] },
    "config.mounts[0]: must have both uidMappings and gidMappings, or neither",
  );
  refuses(
    { mounts: [{ ...bind, uidMappings: [{ ...mapping, length: 0 }], gidMappings: [mapping] }] },
    "config.mounts[0].uidMappings[0].length: must be at least 1, is 0",
  );
});

test("a path in the container may go up, but not out", () => {
  check({ mounts: [{ ...bind, containerPath: "/a/../b" }] });
  refuses(
    { mounts: [{ ...bind, containerPath: "/a/../../etc" }] },
    /container_path: must not leave the container/,
  );
  refuses({ mounts: [{ ...bind, containerPath: "/.." }] }, /container_path: must not leave the container/);
  for (const root of ["/", "//", "/a/.."])
    refuses(
      { mounts: [{ ...bind, containerPath: root }] },
      /container_path: must not be the container's root/,
    );
});

test("recursive read-only needs readonly and private propagation", () => {
  check({ mounts: [{ ...bind, recursiveReadOnly: true, readonly: true }] });
  refuses(
    { mounts: [{ ...bind, recursiveReadOnly: true }] },
    "config.mounts[0].recursive_read_only: needs readonly",
  );
  const propagation = MountPropagation.PROPAGATION_BIDIRECTIONAL;
  refuses(
    { mounts: [{ ...bind, recursiveReadOnly: true, readonly: true, propagation }] },
    /needs PROPAGATION_PRIVATE$/,
  );
});

test("the environment may hold anything but NUL", () => {
  check({ envs: [{ key: "A.b-c", value: Buffer.from("line 1\nline 2 \xff", "latin1") }] });
  refuses({ envs: [{ key: "" }] }, /^config\.envs\[0\]\.key: must not be empty/);
  refuses({ envs: [{ key: "A=B" }] }, /^config\.envs\[0\]\.key: must not be empty or contain "="/);
  refuses(
    { envs: [{ key: "A", value: Buffer.from("x\0y") }] },
    "config.envs[0].value: must not contain a NUL character",
  );
});

test("arguments may hold anything but NUL", () => {
  check({ command: ["sh", "-c", "echo a\necho ../b"], args: [""] });
  refuses({ args: ["a", "b\0"] }, "config.args[1]: must not contain a NUL character");
});

test("devices may take the host's path, and permissions are r, w and m", () => {
  check({
    devices: [
      { hostPath: "/dev/null", permissions: "mrw" },
      { hostPath: "/dev/fuse", containerPath: "/dev/f" },
    ],
  });
  refuses({ devices: [{ hostPath: "/dev/../x" }] }, /^config\.devices\[0\]\.host_path: must not contain/);
  refuses(
    { devices: [{ hostPath: "/dev/null", permissions: "rwx" }] },
    'config.devices[0].permissions: must be a combination of r, w and m, is "rwx"',
  );
});

test("limits that take a limit away pass, nonsense does not", () => {
  const withResources = (resources: NonNullable<NonNullable<Changes["linux"]>["resources"]>): Changes => ({
    linux: { resources },
  });
  check(
    withResources({ cpuQuota: -1n, memorySwapLimitInBytes: -1n, oomScoreAdj: -997n, cpusetCpus: "0-3,7" }),
  );
  for (const cpuQuota of [-5n, 1000n]) check(withResources({ cpuQuota, cpuPeriod: 1000n }));
  for (const cpuQuota of [1n, 999n])
    refuses(withResources({ cpuQuota }), /cpu_quota: must be at least 1000, or -1 for no limit/);
  check(
    withResources({ hugepageLimits: [{ pageSize: "2MB", limit: 0n }], unified: { "memory.high": "max" } }),
  );
  refuses(
    withResources({ memoryLimitInBytes: -2n }),
    /^config\.linux\.resources\.memory_limit_in_bytes: must be between -1/,
  );
  refuses(withResources({ oomScoreAdj: 1001n }), /oom_score_adj: must be between -1000 and 1000, is 1001$/);
  refuses(withResources({ cpusetCpus: "," }), /cpuset_cpus: must be a list such as 0-3,7, is ","$/);
  refuses(withResources({ cpusetMems: "," }), /cpuset_mems: must be a list/);
  refuses(withResources({ cpusetCpus: "a" }), /cpuset_cpus: must be a list such as 0-3,7, is "a"$/);
  refuses(
    withResources({ unified: { "../memory.max": "1" } }),
    /unified\["\.\.\/memory\.max"\]: must be the name of a cgroup file/,
  );
  refuses(
    withResources({ hugepageLimits: [{ pageSize: "../2MB" }] }),
    /hugepage_limits\[0\]\.page_size: must be a size/,
  );
});

test("a cgroup namespace is the container's own or the node's", () => {
  const asks = (mode: NamespaceMode) => ({
    linux: { securityContext: { namespaceOptions: { cgroupnsOptions: { mode } } } },
  });
  for (const mode of [NamespaceMode.CONTAINER, NamespaceMode.NODE]) check(asks(mode));
  const path = "config.linux.security_context.namespace_options.cgroupns_options.mode";
  refuses(asks(NamespaceMode.POD), `${path}: must be one of CONTAINER, NODE, is POD`);
  refuses(asks(NamespaceMode.TARGET), `${path}: must be one of CONTAINER, NODE, is TARGET`);
});

test("cgroups are mounted in a mode that the container's rights allow", () => {
  const { CGROUP_MOUNT_MODE_READ_ONLY: readOnly, CGROUP_MOUNT_MODE_READ_WRITE: readWrite } = CgroupMountMode;
  const asks = (cgroupMountMode: CgroupMountMode, more: object = {}) => ({
    linux: { securityContext: { cgroupMountMode, ...more } },
  });
  const inMode = (mode: NamespaceMode) => ({ namespaceOptions: { cgroupnsOptions: { mode } } });
  check(asks(readOnly));
  check(asks(readOnly, inMode(NamespaceMode.NODE)));
  check(asks(readWrite));
  check(asks(readWrite, inMode(NamespaceMode.CONTAINER)));
  check(asks(readWrite, { privileged: true, ...inMode(NamespaceMode.NODE) }));
  const path = "config.linux.security_context.cgroup_mount_mode";
  refuses(
    asks(readOnly, { privileged: true }),
    `${path}: must not be CGROUP_MOUNT_MODE_READ_ONLY for a privileged container`,
  );
  refuses(
    asks(readWrite, inMode(NamespaceMode.NODE)),
    /cgroup_mount_mode: must not be CGROUP_MOUNT_MODE_READ_WRITE with the node's cgroup namespace/,
  );
  refuses(asks(3 as CgroupMountMode), /cgroup_mount_mode: must be one of CGROUP_MOUNT_MODE_UNSPECIFIED, /);
});

test("a group needs a user", () => {
  const runAsGroup = { value: 5n };
  check({ linux: { securityContext: { runAsGroup, runAsUser: { value: 0n } } } });
  check({ linux: { securityContext: { runAsGroup, runAsUsername: "nobody" } } });
  refuses(
    { linux: { securityContext: { runAsGroup } } },
    "config.linux.security_context.run_as_group: needs run_as_user or run_as_username",
  );
});

test("a field keeps the protocol's spelling in messages", () => {
  refuses({ CDIDevices: [{ name: "" }] }, "config.CDI_devices[0].name: must not be empty");
  const stopSignal = 99 as 0;
  refuses({ stopSignal }, /^config\.stop_signal: must be one of SIGNAL_RUNTIME_DEFAULT, .* is 99$/);
});
