import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

type PodOverrides = Parameters<typeof podConfig>[1];
type ContainerOverrides = Parameters<typeof shellConfig>[3];

describe("a request that is made to break out", () => {
  const host = withBerth();

  /** The pod is rejected because of that field. */
  async function refusesPod(overrides: PodOverrides, field: RegExp): Promise<void> {
    const config = podConfig("refused", { logDirectory: join(host.berth.logDir, "refused"), ...overrides });
    const run = host.berth.clients.runtime.runPodSandbox({ config, runtimeHandler: "" });
    await assert.rejects(run, (error: Error) => {
      assert.match(error.message, /INVALID_ARGUMENT/);
      assert.match(error.message, field);
      return true;
    });
  }

  async function refusesContainer(pod: TestPod, overrides: ContainerOverrides, field: RegExp): Promise<void> {
    await assert.rejects(pod.create(shellConfig("refused", host.image, "", overrides)), (error: Error) => {
      assert.match(error.message, /INVALID_ARGUMENT/);
      assert.match(error.message, field);
      return true;
    });
  }

  it("by a log path that leads out of the pod's directory is rejected", async () => {
    const pod = await TestPod.run(host.berth, "log-path");
    for (const logPath of ["../out.log", "a/../../out.log", "/../out.log", "..", "a\nb.log", "a\0b.log"])
      await refusesContainer(pod, { logPath }, /config\.log_path/);
    for (const logDirectory of ["relative", "/tmp/../etc", "/tmp/a\nb"])
      await refusesPod({ logDirectory }, /config\.log_directory/);
    await assert.rejects(stat(join(host.berth.logDir, "out.log")), { code: "ENOENT" });
  });

  it("by a path of a mount, device or working directory that leads out is rejected", async () => {
    const pod = await TestPod.run(host.berth, "paths");
    const volume = join(host.berth.directory, "volume");
    const mount = { hostPath: volume, containerPath: "/data" };
    for (const change of [
      { hostPath: "relative" },
      { hostPath: "/a\0b" },
      { containerPath: "relative" },
      { containerPath: "/../../etc" },
      { containerPath: "/a/../../etc" },
      { containerPath: "/a\nb" },
    ])
      await refusesContainer(pod, { mounts: [{ ...mount, ...change }] }, /config\.mounts\[0\]/);
    const image = { image: host.image };
    for (const imageSubPath of ["../out", "/etc", "a/../../b"])
      await refusesContainer(
        pod,
        { mounts: [{ containerPath: "/data", image, imageSubPath }] },
        /config\.mounts\[0\]\.image_sub_path/,
      );
    await refusesContainer(pod, { workingDir: "/../.." }, /config\.working_dir/);
    const securityContext = { maskedPaths: ["/../../etc"] };
    await refusesContainer(pod, { linux: { securityContext } }, /masked_paths\[0\]/);
  });

  it("by a newline or NUL character in a name, label or annotation is rejected", async () => {
    const pod = await TestPod.run(host.berth, "annotations");
    for (const key of ["a\nb", "a\0b", "a\rb"]) {
      await refusesPod({ annotations: { [key]: "x" } }, /config\.annotations/);
      await refusesPod({ labels: { [key]: "x" } }, /config\.labels/);
      await refusesContainer(pod, { annotations: { [key]: "x" } }, /config\.annotations/);
      await refusesContainer(pod, { metadata: { name: key } }, /config\.metadata\.name/);
      const metadata = { name: key, namespace: "default", uid: "u", attempt: 0 };
      await refusesPod({ metadata }, /config\.metadata\.name/);
    }
    await refusesPod({ annotations: { a: "x\0y" } }, /config\.annotations/);
    await refusesContainer(pod, { annotations: { a: "x\0y" } }, /config\.annotations/);
  });

  it("by an annotation's value with several lines is kept unchanged, and is only a value", async () => {
    const value = 'x"\n"io.kubernetes.cri.sandbox-id": "forged';
    const pod = await TestPod.run(host.berth, "lines", { annotations: { a: value } });
    const id = await pod.shell("main", host.image, "exec sleep 1000", { annotations: { a: value } });
    const { status } = await host.berth.clients.runtime.containerStatus({ containerId: id, verbose: false });
    assert.equal(status?.annotations.a, value);
    const bundle = join(host.berth.state, "containers", id, "config.json");
    const { annotations } = JSON.parse(await readFile(bundle, "utf8"));
    assert.equal(annotations["io.kubernetes.cri.sandbox-id"], pod.id);
  });

  it("by a hostname or a name server that contains more than one is rejected", async () => {
    for (const hostname of ["a\nb", "a\0b", "a b", "a/../b", "-e\u001b[2J", "x".repeat(65)])
      await refusesPod({ hostname }, /config\.hostname/);
    for (const text of ["1.1.1.1\nnameserver 6.6.6.6", "a\0b", "a b"]) {
      await refusesPod({ dnsConfig: { servers: [text] } }, /config\.dns_config\.servers/);
      await refusesPod({ dnsConfig: { searches: [text] } }, /config\.dns_config\.searches/);
    }
    // Kubernetes allows several words in one option, but not several lines.
    for (const text of ["ndots:1\nnameserver 6.6.6.6", "a\0b"])
      await refusesPod({ dnsConfig: { options: [text] } }, /config\.dns_config\.options/);
  });

  it("by an environment variable is rejected if it would become two, but may have several lines", async () => {
    const pod = await TestPod.run(host.berth, "env");
    for (const [key, value] of [
      ["", "x"],
      ["A=B", "x"],
      ["A\0B", "x"],
      ["A", "x\0LD_PRELOAD=/evil.so"],
    ] as const)
      await refusesContainer(pod, { envs: [{ key, value: Buffer.from(value) }] }, /config\.envs\[0\]/);
    const envs = [{ key: "A", value: Buffer.from("one\nB=two\nthree") }];
    const output = await pod.output("lines", host.image, 'echo "$A/$B"', { envs });
    assert.equal(output, "one\nB=two\nthree/\n");
  });

  it("by a sysctl is rejected unless it belongs to the pod's own namespaces", async () => {
    const parameter = "/proc/sys/kernel/core_pattern";
    const before = await readFile(parameter, "utf8");
    const pattern = "|/bin/sh -c evil";
    for (const [name, value] of Object.entries({
      "kernel.core_pattern": pattern,
      "kernel/core_pattern": pattern,
      "net.ipv4.ip_forward+kernel.core_pattern": pattern,
      "net/../kernel/core_pattern": pattern,
      "net.ipv4/../../kernel/core_pattern": pattern,
      "net.//kernel.core_pattern": pattern,
      "net.ipv4.ip_forward=1+kernel.core_pattern": pattern,
      "kernel.shm_rmid_forced\nkernel.core_pattern": pattern,
      "vm.overcommit_memory": "1",
      "fs.file-max": "1",
      "kernel.shm_rmid_forced.x": "1",
      "": "1",
      ".": "1",
      net: "1",
    }))
      await refusesPod({ linux: { sysctls: { [name]: value } } }, /sysctl/);
    // Lists of sysctls used to be passed on as "A=1+B=2", and a value could add a second one (CVE-2022-0811).
    for (const value of [
      `1+kernel.core_pattern=${pattern}`,
      `1\nkernel.core_pattern=${pattern}`,
      `1\0kernel.core_pattern=${pattern}`,
    ])
      await refusesPod({ linux: { sysctls: { "kernel.shm_rmid_forced": value } } }, /sysctl|kernel.*1/);
    assert.equal(await readFile(parameter, "utf8"), before);
  });

  it("by a sysctl of a host namespace is rejected, and the host's value stays", async () => {
    const hostNetwork = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const hostIpc = { ipc: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    for (const [namespaceOptions, name, value] of [
      [hostNetwork, "net.ipv4.ip_forward", "1"],
      [hostNetwork, "kernel.domainname", "evil"],
      [hostIpc, "kernel.shm_rmid_forced", "1"],
      [hostIpc, "fs.mqueue.msg_max", "11"],
    ] as const) {
      const path = `/proc/sys/${name.replaceAll(".", "/")}`;
      const before = await readFile(path, "utf8");
      const linux = { sysctls: { [name]: value }, securityContext: { namespaceOptions } };
      await refusesPod({ linux }, /sysctl.*host's/);
      assert.equal(await readFile(path, "utf8"), before);
    }
  });

  it("by safe and unsafe sysctls of its own namespaces changes those and not the host's", async () => {
    const sysctls = {
      "kernel.shm_rmid_forced": "1",
      "kernel.msgmax": "4096",
      "net.core.somaxconn": "77",
      "net.ipv4.ip_unprivileged_port_start": "80",
      "fs.mqueue.msg_max": "11",
    };
    const paths = Object.keys(sysctls).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
    const read = () => Promise.all(paths.map((path) => readFile(path, "utf8")));
    const before = await read();
    const pod = await TestPod.run(host.berth, "own-sysctls", { linux: { sysctls } });
    const output = await pod.output("main", host.image, `cat ${paths.join(" ")}`);
    assert.deepEqual(output.trim().split("\n"), Object.values(sysctls));
    assert.deepEqual(await read(), before);
  });

  it("by a user or group id beyond 32 bits, or that OCI runtimes would truncate, is rejected", async () => {
    const pod = await TestPod.run(host.berth, "ids");
    for (const value of [-1n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const user = { runAsUser: { value } };
      const group = { runAsUser: { value: 1n }, runAsGroup: { value } };
      const extra = { runAsUser: { value: 1n }, supplementalGroups: [value] };
      await refusesContainer(pod, { linux: { securityContext: user } }, /run_as_user/);
      await refusesContainer(pod, { linux: { securityContext: group } }, /run_as_group/);
      await refusesContainer(pod, { linux: { securityContext: extra } }, /supplemental_groups/);
      await refusesPod({ linux: { securityContext: user } }, /run_as_user/);
    }
    // crun and runc read signed 32-bit numbers.
    const large = { runAsUser: { value: 0x8000_0000n } };
    await refusesContainer(pod, { linux: { securityContext: large } }, /out of range/);
    for (const runAsUsername of ["4294967296", "99999999999999999999", "-1", "2147483648"])
      await refusesContainer(pod, { linux: { securityContext: { runAsUsername } } }, /out of range/);
  });

  it("by a cgroup parent that leads out is rejected", async () => {
    for (const cgroupParent of ["/../../etc", "a/../../b", "/a\nb", "/a\0b"])
      await refusesPod({ linux: { cgroupParent } }, /cgroup_parent/);
  });

  it("by an id that is a path is rejected", async () => {
    const { runtime } = host.berth.clients;
    for (const containerId of ["../../etc", "a/b", "a\nb", "a\0b", "-rf", ""]) {
      await assert.rejects(runtime.containerStatus({ containerId, verbose: false }), /INVALID_ARGUMENT/);
      await assert.rejects(runtime.startContainer({ containerId }), /INVALID_ARGUMENT/);
      await assert.rejects(runtime.stopPodSandbox({ podSandboxId: containerId }), /INVALID_ARGUMENT|^$/);
    }
  });

  it("by its size is rejected, and the daemon continues", async () => {
    const annotations = { a: "x".repeat(17 * 1024 * 1024) };
    const config = podConfig("huge", { annotations });
    await assert.rejects(
      host.berth.clients.runtime.runPodSandbox({ config, runtimeHandler: "" }),
      /RESOURCE_EXHAUSTED/,
    );
    await refusesPod({ annotations: { a: "x".repeat(2 * 1024 * 1024) } }, /config\.annotations/);
    const { runtimeName } = await host.berth.clients.runtime.version({ version: "" });
    assert.equal(runtimeName, "berth");
  });
});
