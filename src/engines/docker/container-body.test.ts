import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  SupplementalGroupsPolicy,
} from "../../ground/protocol/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type AskedEngine, containerBodyOf, sandboxBodyOf } from "./testing/bodies.ts";

test("a volume is relabelled if the engine has SELinux, and is an ordinary mount otherwise", async () => {
  await using directory = await tempDir();
  const mounts = [{ hostPath: directory.path, containerPath: "/data", selinuxRelabel: true }];
  const labelled = (await containerBodyOf({ mounts }, { hasSelinux: true })).HostConfig;
  assert.deepEqual(labelled.Binds, [`${directory.path}:/data:rw,Z,rprivate`]);
  assert.deepEqual(labelled.Mounts, []);
  const { Binds, Mounts = [] } = (await containerBodyOf({ mounts })).HostConfig;
  assert.deepEqual([Binds, Mounts.map(({ Target }) => Target)], [undefined, ["/data"]]);
});

test("a relabelled volume is recursively read-only only if that is requested, like other volumes", async () => {
  const mount = { hostPath: "/tmp", containerPath: "/data", selinuxRelabel: true, readonly: true };
  const bindsOf = async (api: string, recursiveReadOnly = false) =>
    (await containerBodyOf({ mounts: [{ ...mount, recursiveReadOnly }] }, { hasSelinux: true, api }))
      .HostConfig.Binds;
  assert.deepEqual(await bindsOf("1.41"), ["/tmp:/data:ro,Z,rprivate"]);
  assert.deepEqual(await bindsOf("1.44"), ["/tmp:/data:ro-non-recursive,Z,rprivate"]);
  assert.deepEqual(await bindsOf("1.44", true), ["/tmp:/data:ro-force-recursive,Z,rprivate"]);
  await assert.rejects(bindsOf("1.41", true), /mounts\.recursive_read_only.*25\.0/);
});

test("a volume whose path Docker could not relabel is refused", async () => {
  const mounts = [{ hostPath: "/tmp", containerPath: "/a:b", selinuxRelabel: true }];
  await assert.rejects(containerBodyOf({ mounts }, { hasSelinux: true }), /mounts\.selinux_relabel.*colon/);
});

test("containers get neither the image's health check nor the engine's init", async () => {
  for (const { Healthcheck, HostConfig } of [await containerBodyOf({}), await sandboxBodyOf({})])
    assert.deepEqual([Healthcheck, HostConfig.Init], [{ Test: ["NONE"] }, false]);
});

test("the pod's files that Docker does not mount are mounted unless the client mounts its own, and are read-only if the root file system is", async () => {
  const podFiles = { "/etc/hosts": "/pod/hosts", "/etc/hostname": "/pod/hostname" };
  const mounts = [{ hostPath: "/tmp", containerPath: "/etc//hosts" }];
  for (const readonlyRootfs of [false, true]) {
    const linux = { securityContext: { readonlyRootfs } };
    const { Mounts = [] } = (await containerBodyOf({ mounts, linux }, { podFiles })).HostConfig;
    const own = Mounts.map(({ Source, ReadOnly }) => [Source, ReadOnly]);
    assert.deepEqual(own, [
      ["/tmp", false],
      ["/pod/hostname", readonlyRootfs],
    ]);
    const { Binds } = (await containerBodyOf({ linux }, { podFiles, hasSelinux: true })).HostConfig;
    const access = readonlyRootfs ? "ro" : "rw";
    assert.deepEqual(Binds, [`/pod/hosts:/etc/hosts:${access},z`, `/pod/hostname:/etc/hostname:${access},z`]);
  }
});

test("swap can be limited with cgroup v2's own file; other files of cgroup v2 are refused", async () => {
  const swapOf = async (value: string, memoryLimitInBytes = 100n) => {
    const resources = { memoryLimitInBytes, unified: { "memory.swap.max": value, "memory.oom.group": "1" } };
    return (await containerBodyOf({ linux: { resources } })).HostConfig.MemorySwap;
  };
  assert.deepEqual([await swapOf("0"), await swapOf("7"), await swapOf("max")], [100, 107, -1]);
  assert.equal(await swapOf("0", 0n), undefined);
  await assert.rejects(swapOf("none"), /resources\.unified/);
  const unified = { "memory.high": "1" };
  await assert.rejects(containerBodyOf({ linux: { resources: { unified } } }), /resources\.unified/);
});

test("profiles are also read from the fields that older clients set", async () => {
  const securityContext = { apparmorProfile: "localhost/strict", seccompProfilePath: "runtime/default" };
  const { HostConfig } = await containerBodyOf({ linux: { securityContext } });
  assert.deepEqual(HostConfig.SecurityOpt, ["apparmor=strict", "no-new-privileges=false"]);
});

test("an AppArmor profile that Docker would ignore is refused, and a privileged container gets the one it requests", async () => {
  const optionsOf = async (securityContext: object, engine: AskedEngine) =>
    (await containerBodyOf({ linux: { securityContext } }, engine)).HostConfig.SecurityOpt?.filter((option) =>
      option.startsWith("apparmor"),
    );
  const strict = { apparmor: { profileType: ProfileType.Localhost, localhostRef: "strict" } };
  const usual = { apparmor: { profileType: ProfileType.RuntimeDefault } };
  const none = { hasApparmor: false };
  const disabled = { security: { disableApparmor: true } };
  for (const asked of [strict, usual]) {
    await assert.rejects(optionsOf(asked, none), /AppArmor.*does not have AppArmor/);
    await assert.rejects(optionsOf(asked, disabled), /AppArmor.*security\.disable_apparmor/);
  }
  for (const engine of [none, disabled])
    assert.deepEqual(await optionsOf({}, engine), ["apparmor=unconfined"]);
  assert.deepEqual(await optionsOf({ ...strict, privileged: true }, {}), ["apparmor=strict"]);
  assert.deepEqual(await optionsOf(usual, {}), []);
});

test("a seccomp profile must be a file of reasonable size, including the configured one", async () => {
  await using directory = await tempDir();
  const file = join(directory.path, "own.json");
  const text = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [] });
  await writeFile(file, text);
  const optionsOf = async (seccomp: object, security: AskedEngine["security"] = {}) =>
    (
      await containerBodyOf({ linux: { securityContext: { seccomp } } }, { security })
    ).HostConfig.SecurityOpt?.filter((option) => option.startsWith("seccomp"));
  const localhost = (localhostRef: string) => ({ profileType: ProfileType.Localhost, localhostRef });
  assert.deepEqual(await optionsOf(localhost(file)), [`seccomp=${text}`]);
  assert.deepEqual(await optionsOf({}, { seccompProfile: file }), [`seccomp=${text}`]);
  await assert.rejects(optionsOf(localhost("/dev/zero")), /\/dev\/zero is invalid/);
  await assert.rejects(optionsOf(localhost("../etc/passwd")), /must not contain "\.\."/);
  await writeFile(file, "{");
  await assert.rejects(optionsOf(localhost(file)), /own\.json is invalid/);
});

test("a sysctl outside the pod's own namespaces is refused however it is spelled, and slashes become dots", async () => {
  const sysctlsOf = async (sysctls: Readonly<Record<string, string>>, namespaceOptions = {}) =>
    (await sandboxBodyOf({ linux: { sysctls, securityContext: { namespaceOptions } } })).HostConfig.Sysctls;
  for (const name of ["kernel.core_pattern", "net/../kernel/core_pattern", "vm.overcommit_memory", "net", ""])
    await assert.rejects(sysctlsOf({ [name]: "1" }), /sysctl/);
  const { NODE } = NamespaceMode;
  await assert.rejects(sysctlsOf({ "net.ipv4.ip_forward": "1" }, { network: NODE }), /the host's net/);
  await assert.rejects(sysctlsOf({ "kernel.msgmax": "1" }, { ipc: NODE }), /the host's ipc/);
  assert.deepEqual(await sysctlsOf({ "net/ipv4/ip_forward": "1" }), { "net.ipv4.ip_forward": "1" });
});

test("a dropped capability stays dropped even if it is also added, however it is spelled", async () => {
  const capabilitiesOf = async (addCapabilities: string[], dropCapabilities: string[]) => {
    const linux = { securityContext: { capabilities: { addCapabilities, dropCapabilities } } };
    const { CapAdd, CapDrop } = (await containerBodyOf({ linux })).HostConfig;
    return [CapAdd, CapDrop];
  };
  assert.deepEqual(await capabilitiesOf(["CAP_ALL"], ["net_raw"]), [["ALL"], ["NET_RAW"]]);
  assert.deepEqual(await capabilitiesOf(["chown"], ["cap_all"]), [["CHOWN"], ["ALL"]]);
  assert.deepEqual(await capabilitiesOf(["ALL", "CHOWN"], ["ALL"]), [["CHOWN"], ["ALL"]]);
  assert.deepEqual(await capabilitiesOf(["NET_ADMIN"], ["CAP_NET_ADMIN"]), [[], ["NET_ADMIN"]]);
});

test("CDI devices can also be requested with annotations, if the engine has CDI", async () => {
  const config = {
    CDIDevices: [{ name: "vendor.com/gpu=0" }],
    annotations: { "cdi.k8s.io/plugin": "vendor.com/gpu=0,vendor.com/gpu=1" },
  };
  const { HostConfig } = await containerBodyOf(config, { api: "1.44" });
  assert.deepEqual(HostConfig.DeviceRequests, [
    { Driver: "cdi", DeviceIDs: ["vendor.com/gpu=0", "vendor.com/gpu=1"] },
  ]);
  const { annotations } = config;
  await assert.rejects(containerBodyOf({ annotations }), /annotations of cdi\.k8s\.io.*features\.cdi/);
});

test("a user keeps the image's groups if a group is requested, unless the policy is strict", async () => {
  const who = async (securityContext: object, imageUser = "") => {
    const { User, HostConfig } = await containerBodyOf({ linux: { securityContext } }, { imageUser });
    return [User, HostConfig.GroupAdd];
  };
  const runAsUser = { value: 1000n };
  const runAsGroup = { value: 7n };
  assert.deepEqual(await who({ runAsUser, supplementalGroups: [8n] }), ["1000", ["8"]]);
  assert.deepEqual(await who({ runAsUser, runAsGroup, supplementalGroups: [8n] }), [
    "1000:7",
    ["7", "2000", "8"],
  ]);
  const supplementalGroupsPolicy = SupplementalGroupsPolicy.Strict;
  assert.deepEqual(await who({ runAsUser, runAsGroup, supplementalGroupsPolicy }), ["1000:7", ["7"]]);
  assert.deepEqual(await who({ runAsUsername: "app", supplementalGroupsPolicy }), ["1000:1001", ["1001"]]);
  assert.deepEqual(await who({ supplementalGroupsPolicy }), ["0:0", ["0"]]);
  assert.deepEqual(await who({}, "app"), [undefined, []]);
  assert.deepEqual(await who({}, "app:7"), ["1000:7", ["7", "2000"]]);
  assert.deepEqual(await who({ runAsUser }, "app:7"), ["1000", []]);
  assert.deepEqual(await who({ supplementalGroupsPolicy }, "app"), ["1000:1001", ["1001"]]);
});

test("a missing user or group, or an invalid number, is refused at CreateContainer", async () => {
  const refused = async (message: RegExp, securityContext: object, imageUser = "") =>
    assert.rejects(containerBodyOf({ linux: { securityContext } }, { imageUser }), message);
  await refused(/user "stranger" not found/, { runAsUsername: "stranger" });
  await refused(/user "nobody-here" not found/, {}, "nobody-here");
  await refused(/group "nogroup" not found/, {}, "app:nogroup");
  await refused(/"a:b:c" is not USER/, {}, "a:b:c");
  await refused(/user 4294967296: out of range/, {}, "4294967296");
  await refused(/user -1: out of range/, {}, "-1");
});
