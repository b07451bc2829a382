import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { NamespaceMode, SecurityProfile_ProfileType as ProfileType } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { verboseSandboxInfo } from "./support/verbose.ts";
import { withBerth } from "./support/with-berth.ts";

/** The numbers in /proc/PID/status that determine a process's privileges. */
function rightsIn(status: string): Readonly<Record<string, bigint>> {
  const lines = [...status.matchAll(/^(Cap\w+|NoNewPrivs|Seccomp):\s*([0-9a-f]+)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name, BigInt(`0x${value}`)]));
}

const capability = (number: bigint) => 1n << number;
const netAdmin = capability(12n);
const sysTime = capability(25n);
/** containerd's fourteen default capabilities. */
const defaultCapabilities = 0xa80425fbn;

const showRights = "cat /proc/self/status";
const sleep = "exec sleep 1000";

describe("a container", () => {
  const host = withBerth();

  it("has the default capabilities, none of them inheritable or ambient, and so have its commands", async () => {
    const pod = await TestPod.run(host.berth, "defaults");
    const started = rightsIn(await pod.output("own", host.image, showRights));
    const id = await pod.shell("shell", host.image, sleep);
    for (const rights of [started, rightsIn(await execSync(host.berth, id, "cat", "/proc/self/status"))]) {
      const { CapEff, CapPrm, CapBnd, CapInh, CapAmb } = rights;
      assert.deepEqual([CapEff, CapPrm, CapBnd], Array(3).fill(defaultCapabilities));
      assert.deepEqual([CapInh, CapAmb], [0n, 0n]);
    }
  });

  it("not running as root has its ambient capabilities and no others", async () => {
    const pod = await TestPod.run(host.berth, "ambient");
    const capabilities = { addCapabilities: ["SYS_TIME"], addAmbientCapabilities: ["NET_ADMIN"] };
    const linux = { securityContext: { runAsUser: { value: 1000n }, capabilities } };
    const started = rightsIn(await pod.output("own", host.image, showRights, { linux }));
    const id = await pod.shell("shell", host.image, sleep, { linux });
    for (const rights of [started, rightsIn(await execSync(host.berth, id, "cat", "/proc/self/status"))]) {
      const { CapEff, CapPrm, CapInh, CapAmb, CapBnd } = rights;
      assert.deepEqual([CapEff, CapPrm, CapInh, CapAmb], Array(4).fill(netAdmin));
      assert.equal(CapBnd, defaultCapabilities | netAdmin | sysTime);
    }
  });

  it("has the capabilities that are added and not dropped, including ALL", async () => {
    const pod = await TestPod.run(host.berth, "capabilities");
    const bounding = async (name: string, capabilities: object) => {
      const linux = { securityContext: { capabilities } };
      return rightsIn(await pod.output(name, host.image, showRights, { linux })).CapBnd;
    };
    assert.equal(await bounding("none", { dropCapabilities: ["ALL"] }), 0n);
    const one = { dropCapabilities: ["ALL"], addCapabilities: ["CAP_NET_ADMIN"] };
    assert.equal(await bounding("one", one), netAdmin);
    const own = rightsIn(await readFile("/proc/self/status", "utf8")).CapBnd ?? 0n;
    const most = { addCapabilities: ["ALL"], dropCapabilities: ["net_admin"] };
    assert.equal(await bounding("most", most), own & ~netAdmin);
  });

  /** Asserts that a running container is fully privileged. */
  const assertPrivileged = async (id: string) => {
    const rights = rightsIn(await execSync(host.berth, id, "cat", "/proc/self/status"));
    const own = rightsIn(await readFile("/proc/self/status", "utf8")).CapBnd;
    assert.deepEqual([rights.CapEff, rights.CapInh, rights.CapAmb], [own, 0n, 0n]);
    assert.equal(rights.Seccomp, 0n);
    const devices = (await execSync(host.berth, id, "ls", "/dev")).split("\n");
    const missing = (await readdir("/dev", { withFileTypes: true }))
      .filter((entry) => entry.isCharacterDevice() || entry.isBlockDevice())
      // The container has its own console.
      .filter(({ name }) => name !== "console" && !devices.includes(name));
    assert.deepEqual(missing, []);
    await execSync(host.berth, id, "head", "-c", "1", "/dev/kmsg");
    const options = await execSync(host.berth, id, "grep", " /sys", "/proc/self/mounts");
    for (const line of options.trim().split("\n"))
      assert.match(line, / tmpfs | \S+ rw[, ]/, "all of /sys is writable");
    await execSync(host.berth, id, "sh", "-c", "cat /proc/sys/kernel/panic > /proc/sys/kernel/panic");
  };
  const seccomp = { profileType: ProfileType.RuntimeDefault };
  const privileged = { linux: { securityContext: { privileged: true, seccomp } } };

  it("that is privileged has all capabilities and devices, no filter, and the kernel's files to write", async () => {
    const pod = await TestPod.run(host.berth, "privileged", {
      linux: { securityContext: { privileged: true } },
    });
    await assertPrivileged(await pod.shell("shell", host.image, sleep, privileged));
  });

  it("that is added to a pod as privileged is so although the sandbox was not, if its pod's configuration is by then", async () => {
    // As with kubectl debug --profile=sysadmin: a kubelet sends a new pod configuration for the container.
    const { runtime } = host.berth.clients;
    const { POD } = NamespaceMode;
    const namespaceOptions = { network: POD, ipc: POD, pid: POD };
    const pod = await TestPod.run(host.berth, "debugged", {
      linux: { securityContext: { namespaceOptions } },
    });
    const app = await pod.shell("app", host.image, sleep, {
      linux: { securityContext: { namespaceOptions } },
    });
    const config = shellConfig("debugger", host.image, sleep, {
      linux: { securityContext: { ...privileged.linux.securityContext, namespaceOptions } },
    });
    await assert.rejects(
      pod.create(config),
      /INVALID_ARGUMENT.*"debugger": it is privileged, but neither the pod sandbox nor sandbox_config is/,
    );
    const { containerId } = await runtime.createContainer({
      podSandboxId: pod.id,
      config,
      sandboxConfig: podConfig("debugged", {
        linux: { securityContext: { namespaceOptions, privileged: true } },
      }),
    });
    await runtime.startContainer({ containerId });
    await assertPrivileged(containerId);
    const others = rightsIn(await execSync(host.berth, app, "cat", "/proc/self/status"));
    assert.equal(others.CapEff, defaultCapabilities, "the pod's other containers are what they were");
    const pause = rightsIn(await execSync(host.berth, containerId, "cat", "/proc/1/status"));
    assert.equal(pause.CapBnd, 0n, "and so is what holds their processes together");
  });

  it("and its commands gain no privileges if requested", async () => {
    const pod = await TestPod.run(host.berth, "no-new-privs");
    const linux = { securityContext: { noNewPrivs: true } };
    const id = await pod.shell("shell", host.image, `${showRights}; ${sleep}`, { linux });
    const rights = rightsIn(await execSync(host.berth, id, "cat", "/proc/self/status", "/proc/1/status"));
    assert.equal(rights.NoNewPrivs, 1n);
    const open = rightsIn(await pod.output("open", host.image, showRights));
    assert.equal(open.NoNewPrivs, 0n);
  });

  it("with a read-only root file system can write only to its volumes and shared memory", async () => {
    const pod = await TestPod.run(host.berth, "readonly");
    const linux = { securityContext: { readonlyRootfs: true } };
    const id = await pod.shell("shell", host.image, sleep, { linux });
    for (const path of ["/new", "/etc/passwd", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/sys/new"])
      await assert.rejects(execSync(host.berth, id, "sh", "-c", `echo x >> ${path}`), /exit code/);
    await execSync(host.berth, id, "sh", "-c", "echo x > /dev/shm/new");
  });

  it("can neither see the masked paths nor write to the read-only ones", async () => {
    const pod = await TestPod.run(host.berth, "paths");
    const read = (path: string) => `(head -c 1 ${path} | wc -c)`;
    const write = (path: string) => `(cat ${path} > ${path}) 2>/dev/null && echo written || echo refused`;
    const masks = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"];
    const script = [
      ...masks.map(read),
      write("/proc/sys/kernel/domainname"),
      "ls /sys/firmware /proc/acpi 2>/dev/null | grep -v ':$' | grep -c .",
      "(echo h > /proc/sysrq-trigger) 2>/dev/null && echo written || echo refused",
    ].join("\n");
    assert.deepEqual((await pod.output("silent", host.image, script)).trim().split("\n"), [
      ...masks.map(() => "0"),
      "refused",
      "0",
      "refused",
    ]);
  });

  it("masks and protects what its configuration lists instead of the defaults, even if the list is empty", async () => {
    const pod = await TestPod.run(host.berth, "own-paths");
    const script = [
      "head -c 1 /proc/timer_list | wc -c",
      "(cat /proc/sys/kernel/domainname > /proc/sys/kernel/domainname) 2>/dev/null && echo written || echo refused",
      "ls /home | wc -l",
      "(echo x > /tmp/x) 2>/dev/null && echo written || echo refused",
    ].join("\n");
    const lines = async (name: string, paths: object) => {
      // AppArmor's default profile forbids writing to most of /proc, whatever is mounted there.
      const apparmor = { profileType: ProfileType.Unconfined };
      const securityContext = { capabilities: { addCapabilities: ["SYS_ADMIN"] }, apparmor, ...paths };
      const text = await pod.output(name, host.image, script, { linux: { securityContext } });
      return text.trim().split("\n");
    };
    const none = { maskedPaths: [], readonlyPaths: [] };
    assert.deepEqual(await lines("unmasked", none), ["1", "written", "0", "written"]);
    const own = { maskedPaths: ["/proc/timer_list"], readonlyPaths: ["/proc/sys", "/tmp"] };
    assert.deepEqual(await lines("own", own), ["0", "refused", "0", "refused"]);
  });
});

describe("the pause process of a shared PID namespace", () => {
  const host = withBerth();
  const linux = { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } };
  /** Waits until the pause process has begun: the OCI runtime installs the filter last, just before. */
  const statusOf = async (pod: TestPod) => {
    const { pid } = await verboseSandboxInfo(host.berth, pod.id);
    await eventually("the pause has begun", async () =>
      (await readFile(`/proc/${pid}/cmdline`, "utf8")).startsWith("/pause\0"),
    );
    return readFile(`/proc/${pid}/status`, "utf8");
  };

  it("has a filter, no capabilities, none to gain and its own user, whatever kubelets request", async () => {
    const seccomp = { profileType: ProfileType.RuntimeDefault };
    const unconfined = { profileType: ProfileType.Unconfined };
    const asked = { default: { seccomp }, none: {}, privileged: { privileged: true, seccomp: unconfined } };
    for (const [name, security] of Object.entries(asked)) {
      const pod = await TestPod.run(host.berth, `pause-${name}`, {
        linux: { securityContext: { ...linux.securityContext, ...security } },
      });
      const status = await statusOf(pod);
      const { Seccomp, NoNewPrivs, ...capabilities } = rightsIn(status);
      assert.deepEqual([Seccomp, NoNewPrivs], [2n, 1n], name);
      assert.deepEqual(capabilities, { CapInh: 0n, CapPrm: 0n, CapEff: 0n, CapBnd: 0n, CapAmb: 0n }, name);
      assert.match(status, /^Uid:(\t65535){4}\nGid:(\t65535){4}$/m);
    }
  });

  it("gives its containers no access to read-only or masked paths, even if they may trace it", async () => {
    const pod = await TestPod.run(host.berth, "pause-paths", { linux });
    const capabilities = { addCapabilities: ["SYS_PTRACE"] };
    const id = await pod.shell("tracer", host.image, sleep, {
      linux: { securityContext: { ...linux.securityContext, capabilities } },
    });
    const shell = (script: string) => execSync(host.berth, id, "sh", "-c", script);
    assert.match(await shell("cat /proc/1/root/proc/1/cmdline"), /pause/);
    assert.equal(await shell("cat /proc/1/root/proc/interrupts"), "");
    await assert.rejects(shell(": >> /proc/1/root/proc/sys/kernel/core_pattern"), /Read-only/);
  });

  it("reaps its containers' orphans, under its filter", async () => {
    const pod = await TestPod.run(host.berth, "pause-reaps", { linux });
    const id = await pod.shell("parent", host.image, sleep, { linux });
    await execSync(host.berth, id, "sh", "-c", "(sleep 0.1 && exec true) > /dev/null 2>&1 &");
    const parents = "cat /proc/[0-9]*/status 2>/dev/null | grep PPid";
    await eventually("no orphan is left", async () => {
      return !/^PPid:\t1$/m.test(await execSync(host.berth, id, "sh", "-c", parents));
    });
  });
});
