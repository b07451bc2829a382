import assert from "node:assert/strict";
import { chmod, chown, mkdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { mount, mountFlags, unmount } from "../src/ground/linux/index.ts";
import { ContainerState, NamespaceMode, PodSandboxState } from "../src/ground/protocol/index.ts";
import { filesArtifact } from "../src/testing/artifacts.ts";
import { pushImage } from "../src/testing/registry.ts";
import type { TestBerth } from "./support/berth.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { testHandler } from "./support/handler.ts";
import { concerning, readHostState } from "./support/host-state.ts";
import { perlLayer } from "./support/perl.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { forwardPort, outputOf } from "./support/streams.ts";
import { withBerth } from "./support/with-berth.ts";

const hostUid = 300_000;
const hostGid = 400_000;
const length = 65_536;
const uids = [{ containerId: 0, hostId: hostUid, length }];
const gids = [{ containerId: 0, hostId: hostGid, length }];
const usernsOptions = { mode: NamespaceMode.POD, uids, gids };
const { POD, CONTAINER, NODE } = NamespaceMode;
const sleep = "exec sleep 1000";

/** The request for a pod, and its containers, with their own users, and the given namespaces. */
function mapped(namespaces: object = {}, security: object = {}) {
  const namespaceOptions = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions, ...namespaces };
  return { linux: { securityContext: { namespaceOptions, ...security } } };
}

async function pidOf({ clients }: TestBerth, containerId: string): Promise<number> {
  const { info } = await clients.runtime.containerStatus({ containerId, verbose: true });
  return JSON.parse(info.info ?? "{}").pid;
}

/** Owner and group as seen by a container's shell. */
async function owners(berth: TestBerth, id: string, ...paths: string[]): Promise<readonly string[]> {
  return (await execSync(berth, id, "stat", "-c", "%u:%g", ...paths)).trim().split("\n");
}

describe("a pod with a user namespace", () => {
  const host = withBerth();

  it("is offered in the status", async () => {
    const { runtimeHandlers, features } = await host.berth.clients.runtime.status({ verbose: false });
    const offered = runtimeHandlers.filter(({ name }) => name === "" || name === testHandler);
    assert.deepEqual(
      offered.map((one) => one.features?.userNamespaces),
      [true, true],
    );
    assert.deepEqual([features?.userNamespacesHostNetwork, features?.supplementalGroupsPolicy], [true, true]);
  });

  it("lets its users send pings, by the default of the sysctl for that, whatever their ids on the host", async () => {
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers: [await perlLayer()] }));
    const image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    const pod = await TestPod.run(host.berth, "pings", mapped());
    const security = { runAsUser: { value: 1000n }, capabilities: { dropCapabilities: ["ALL"] } };
    const id = await pod.shell("app", image, sleep, mapped({}, security));
    // PF_INET, SOCK_DGRAM, IPPROTO_ICMP.
    const open = 'socket(my $ping, 2, 2, 1) or die $!; print "opened"';
    assert.equal(await execSync(host.berth, id, "/usr/bin/perl", "-e", open), "opened");
  });

  it("runs its containers as users without privileges on the host", async () => {
    const pod = await TestPod.run(host.berth, "users", mapped());
    const root = await pod.shell("root", host.image, sleep, mapped());
    const map = await execSync(host.berth, root, "cat", "/proc/self/uid_map", "/proc/self/gid_map");
    assert.match(map, /^ +0 +300000 +65536\n +0 +400000 +65536\n$/);
    const runAsUser = { value: 1000n };
    const app = await pod.shell(
      "app",
      host.image,
      sleep,
      mapped({}, { runAsUser, supplementalGroups: [7n] }),
    );
    assert.equal(await execSync(host.berth, app, "id", "-u"), "1000\n");
    const status = await readFile(`/proc/${await pidOf(host.berth, app)}/status`, "utf8");
    assert.match(status, /^Uid:\t301000\t301000\t301000\t301000$/m);
    assert.match(status, /^Gid:\t401001\t401001/m);
    assert.match(status, /^Groups:.*\b400007\b/m);
    const { user } = await containerStatus(host.berth, app);
    assert.deepEqual([user?.linux?.uid, user?.linux?.gid], [1000n, 1001n]);
    assert.ok(user?.linux?.supplementalGroups.includes(7n));
    // OCI runtimes must not change the host's devices when they set up a container's streams.
    const { uid, gid } = await stat("/dev/null");
    assert.deepEqual([uid, gid], [0, 0]);
  });

  it("owns its network, IPC and UTS namespaces, with its sysctls set", async () => {
    const pod = await TestPod.run(host.berth, "owned", {
      hostname: "mapped",
      linux: {
        ...mapped().linux,
        sysctls: { "net.ipv4.ip_local_port_range": "20000 30000", "kernel.shmmni": "100" },
      },
    });
    const capabilities = { addCapabilities: ["NET_ADMIN", "SYS_ADMIN"] };
    const id = await pod.shell("root", host.image, sleep, mapped({}, { capabilities }));
    const sysctl = (name: string) => execSync(host.berth, id, "cat", `/proc/sys/${name}`);
    assert.equal(await sysctl("net/ipv4/ip_local_port_range"), "20000\t30000\n");
    assert.equal(await sysctl("kernel/shmmni"), "100\n");
    assert.equal(await sysctl("net/ipv4/ip_unprivileged_port_start"), "0\n");
    assert.equal(await execSync(host.berth, id, "hostname"), "mapped\n");
    await execSync(host.berth, id, "ip", "addr", "add", "10.99.0.1/32", "dev", "lo");
    await execSync(host.berth, id, "hostname", "renamed");
    assert.equal(await execSync(host.berth, id, "hostname"), "renamed\n");
  });

  it("has the image's files, and writes its own, with the image's owners", async () => {
    const pod = await TestPod.run(host.berth, "files", mapped());
    const id = await pod.shell("root", host.image, sleep, mapped());
    const made =
      "echo x > /made && chown 1000:1001 /made && chown 5:6 /etc/group && rm /etc/passwd && mkdir /d";
    await execSync(host.berth, id, "sh", "-c", made);
    const paths = ["/", "/bin/sh", "/made", "/etc/group", "/d", "/tmp"];
    assert.deepEqual(await owners(host.berth, id, ...paths), [
      "0:0",
      "0:0",
      "1000:1001",
      "5:6",
      "0:0",
      "0:0",
    ]);
    await assert.rejects(execSync(host.berth, id, "ls", "/etc/passwd"), /No such file/);
    const root = `/proc/${await pidOf(host.berth, id)}/root`;
    assert.equal((await stat(`${root}/made`)).uid, hostUid + 1000);
    // Another container of the image does not see the changes.
    const other = await pod.shell("other", host.image, sleep, mapped());
    assert.deepEqual(await owners(host.berth, other, "/etc/group", "/etc/passwd"), ["0:0", "0:0"]);
  });

  it("has the sandbox's files and devices that its root may use", async () => {
    const pod = await TestPod.run(host.berth, "sandbox-files", mapped());
    const id = await pod.shell("root", host.image, sleep, mapped());
    const files = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/shm"];
    assert.deepEqual(await owners(host.berth, id, ...files), Array(4).fill("0:0"));
    await execSync(host.berth, id, "sh", "-c", "echo 1.2.3.4 x >> /etc/hosts; echo x > /dev/shm/x");
    assert.deepEqual(await owners(host.berth, id, "/dev/shm/x"), ["0:0"]);
    await execSync(
      host.berth,
      id,
      "sh",
      "-c",
      "echo x > /dev/null; head -c 4 /dev/urandom; ls /dev/pts/ptmx",
    );
    assert.match(await execSync(host.berth, id, "ls", "/sys/class/net"), /eth0/);
    await assert.rejects(execSync(host.berth, id, "mknod", "/x", "c", "1", "3"), /not permitted/);
  });

  it("may have a read-only root file system (runc#1229)", async () => {
    const pod = await TestPod.run(host.berth, "frozen-root", mapped());
    const id = await pod.shell("root", host.image, sleep, mapped({}, { readonlyRootfs: true }));
    for (const path of ["/file", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"])
      await assert.rejects(execSync(host.berth, id, "sh", "-c", `echo > ${path}`), /Read-only file system/);
    await execSync(host.berth, id, "touch", "/dev/shm/file");
  });

  it("cannot write to read-only volumes, whatever the mounts on the host forbid (moby#22994)", async () => {
    const hostPath = join(host.berth.directory, "hardened");
    await mkdir(hostPath);
    const flags = mountFlags.nosuid + mountFlags.nodev + mountFlags.noexec + mountFlags.noatime;
    await mount({ source: "none", target: hostPath, type: "tmpfs", flags });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => unmount(hostPath, { detach: true }));
    const pod = await TestPod.run(host.berth, "hardened", mapped());
    cleanup.defer(async () => {
      await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    });
    const ids = { uidMappings: uids, gidMappings: gids };
    const mounts = [
      { hostPath, containerPath: "/plain", readonly: true },
      { hostPath, containerPath: "/mapped", readonly: true, ...ids },
      { hostPath, containerPath: "/written", mountOptions: ["noexec"], ...ids },
    ];
    const id = await pod.shell("root", host.image, sleep, { ...mapped(), mounts });
    for (const path of ["/plain", "/mapped"])
      await assert.rejects(execSync(host.berth, id, "touch", `${path}/file`), /Read-only file system/);
    await execSync(host.berth, id, "touch", "/written/file");
    const shown = await execSync(host.berth, id, "grep", "-E", " /(plain|mapped|written) ", "/proc/mounts");
    for (const line of shown.trim().split("\n")) assert.match(line, /nosuid,nodev,noexec,noatime/);
  });

  it("shows and writes its volumes with their owners on the host", async () => {
    const source = join(host.berth.directory, "volume");
    await mkdir(source);
    await writeFile(join(source, "file"), "content");
    await chown(join(source, "file"), 1000, 1001);
    await chmod(join(source, "file"), 0o600);
    const pod = await TestPod.run(host.berth, "volumes", mapped());
    const volume = { hostPath: source, uidMappings: uids, gidMappings: gids };
    const id = await pod.shell("root", host.image, sleep, {
      ...mapped(),
      mounts: [
        { ...volume, containerPath: "/mapped" },
        { ...volume, containerPath: "/readonly", readonly: true },
        { ...volume, hostPath: join(source, "file"), containerPath: "/one" },
        {
          ...volume,
          containerPath: "/other",
          uidMappings: [{ containerId: 0, hostId: hostUid, length: 5 }],
        },
        { hostPath: source, containerPath: "/plain" },
      ],
    });
    const paths = ["/mapped/file", "/readonly/file", "/one", "/mapped", "/plain/file"];
    const seen = await owners(host.berth, id, ...paths);
    assert.deepEqual(seen, ["1000:1001", "1000:1001", "1000:1001", "0:0", "65534:65534"]);
    assert.deepEqual(await owners(host.berth, id, "/other", "/other/file"), ["0:0", "65534:1001"]);
    assert.equal(await execSync(host.berth, id, "cat", "/mapped/file"), "content");
    await assert.rejects(execSync(host.berth, id, "cat", "/plain/file"), /Permission denied/);
    await execSync(host.berth, id, "sh", "-c", "echo new > /mapped/new && chown 7:8 /mapped/new");
    await assert.rejects(execSync(host.berth, id, "touch", "/readonly/x"), /Read-only/);
    const { uid, gid } = await stat(join(source, "new"));
    assert.deepEqual([uid, gid], [7, 8]);
  });

  it("has the requested devices, at any path", async () => {
    const pod = await TestPod.run(host.berth, "devices", mapped());
    const devices = [
      { hostPath: "/dev/full", containerPath: "/dev/moved", permissions: "rw" },
      { hostPath: "/dev/kmsg", containerPath: "/dev/kmsg", permissions: "r" },
      { hostPath: "/dev/zero", containerPath: "", permissions: "rwm" },
    ];
    const id = await pod.shell("root", host.image, sleep, { ...mapped(), devices });
    const numbers = await execSync(host.berth, id, "stat", "-c", "%n %t:%T", "/dev/moved", "/dev/kmsg");
    assert.equal(numbers, "/dev/moved 1:7\n/dev/kmsg 1:b\n");
    await assert.rejects(execSync(host.berth, id, "sh", "-c", "echo x > /dev/moved"), /No space left/);
    const other = await pod.shell("other", host.image, sleep, mapped());
    await assert.rejects(execSync(host.berth, other, "ls", "/dev/moved"), /No such file/);
  });

  it("shows mounted images with their owners", async () => {
    const pod = await TestPod.run(host.berth, "image-volume", mapped());
    const volume = { image: { image: host.image }, uidMappings: uids, gidMappings: gids, readonly: true };
    const id = await pod.shell("root", host.image, sleep, {
      ...mapped(),
      mounts: [
        { ...volume, containerPath: "/image" },
        { ...volume, containerPath: "/image-etc", imageSubPath: "etc" },
      ],
    });
    const seen = await owners(host.berth, id, "/image", "/image/bin/sh", "/image-etc/passwd");
    assert.deepEqual(seen, ["0:0", "0:0", "0:0"]);
    await assert.rejects(execSync(host.berth, id, "touch", "/image/x"), /Read-only/);
  });

  it("shows mounted artifacts as owned by root", async () => {
    await pushImage(host.registry, "files", "1", filesArtifact({ "a/b": "text" }));
    const image = `${host.registry.host}/files:1`;
    await host.berth.pull(image);
    const pod = await TestPod.run(host.berth, "artifact-volume", mapped());
    const mounts = [
      { image: { image }, uidMappings: uids, gidMappings: gids, readonly: true, containerPath: "/files" },
    ];
    const id = await pod.shell("root", host.image, sleep, { ...mapped(), mounts });
    assert.deepEqual(await owners(host.berth, id, "/files", "/files/a/b"), ["0:0", "0:0"]);
    assert.equal(await execSync(host.berth, id, "cat", "/files/a/b"), "text");
  });

  it("reports which volume cannot have its owners mapped", async () => {
    const pod = await TestPod.run(host.berth, "unmappable", mapped());
    const mounts = [{ hostPath: "/proc", containerPath: "/host", uidMappings: uids, gidMappings: gids }];
    const config = shellConfig("main", host.image, sleep, { ...mapped(), mounts });
    await assert.rejects(pod.create(config), /FAILED_PRECONDITION.*\/proc: its file system has no ID-mapped/);
  });

  it("shares one PID namespace among its containers if requested", async () => {
    const pod = await TestPod.run(host.berth, "pid", mapped({ pid: POD }));
    await pod.shell("first", host.image, "exec sleep 1234", mapped({ pid: POD }));
    const second = await pod.shell("second", host.image, sleep, mapped({ pid: POD }));
    assert.match(await execSync(host.berth, second, "ps"), /65535 .*pause[\s\S]*sleep 1234/);
    const targetId = second;
    const third = await pod.shell(
      "third",
      host.image,
      sleep,
      mapped({ pid: NamespaceMode.TARGET, targetId }),
    );
    assert.match(await execSync(host.berth, third, "ps"), /sleep 1234/);
  });

  for (const [name, namespaces] of Object.entries({
    network: { network: NODE },
    IPC: { ipc: NODE },
    PID: { pid: NODE },
    "network, IPC and PID": { network: NODE, ipc: NODE, pid: NODE },
  })) {
    it(`can use the host's ${name} namespace`, async () => {
      const pod = await TestPod.run(host.berth, `host-${name.replaceAll(/\W+/g, "-")}`, mapped(namespaces));
      const id = await pod.shell("main", host.image, sleep, mapped(namespaces));
      const shared = { net: "network" in namespaces, ipc: "ipc" in namespaces, pid: "pid" in namespaces };
      for (const [kind, isHosts] of Object.entries(shared)) {
        const own = await readlink(`/proc/self/ns/${kind}`);
        assert.equal(
          (await execSync(host.berth, id, "readlink", `/proc/self/ns/${kind}`)).trim() === own,
          isHosts,
        );
      }
      assert.match(await execSync(host.berth, id, "cat", "/proc/self/uid_map"), / 300000 /);
      await execSync(
        host.berth,
        id,
        "sh",
        "-c",
        "ls /sys/class/net /proc/1 && ! echo 1 > /proc/sys/kernel/panic",
      );
    });
  }

  it("can be reached by exec, a terminal, a forwarded port and the network", async () => {
    const pod = await TestPod.run(host.berth, "reached", mapped());
    const script = "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 80 -h /www";
    const id = await pod.shell("main", host.image, script, mapped());
    const { stdout } = await outputOf(host.berth, id, ["sh", "-c", "cat; id -u"], { input: "given\n" });
    assert.equal(stdout, "given\n0\n");
    const terminal = await outputOf(host.berth, id, ["sh", "-c", "tty; stat -c %u:%g $(tty)"], {
      tty: true,
    });
    assert.match(terminal.stdout, /\/dev\/pts\/0\r\n0:\d+\r\n/);
    await using forward = await forwardPort(host.berth, pod.id, 80);
    const page = await eventually("the server answers", async () => {
      const socket = await forward.connect();
      socket.end("GET / HTTP/1.0\r\n\r\n");
      let text = "";
      for await (const chunk of socket) text += chunk;
      return text.includes("hello") && text;
    });
    assert.match(page, /200 OK/);
    const direct = connect({ host: await pod.ip(), port: 80 });
    direct.end("GET / HTTP/1.0\r\n\r\n");
    let text = "";
    for await (const chunk of direct) text += chunk;
    assert.match(text, /hello/);
  });

  it("keeps running while the daemon is down, and accepts new containers afterwards", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "restart", mapped({ pid: POD }));
    const source = join(berth.directory, "restart-volume");
    await mkdir(source);
    const mounts = [{ hostPath: source, containerPath: "/v", uidMappings: uids, gidMappings: gids }];
    const running = await pod.shell("running", host.image, sleep, { ...mapped({ pid: POD }), mounts });
    const config = shellConfig("later", host.image, sleep, { ...mapped({ pid: POD }), mounts });
    const containerId = await pod.create(config);
    await berth.restartDaemon("SIGKILL");
    const { runtime } = berth.clients;
    const { status } = await runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    assert.deepEqual(status?.linux?.namespaces?.options?.usernsOptions, usernsOptions);
    assert.equal(await execSync(berth, running, "id", "-u"), "0\n");
    await runtime.startContainer({ containerId });
    assert.deepEqual(await owners(berth, containerId, "/v", "/"), ["0:0", "0:0"]);
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
  });

  it("leaves nothing behind", async () => {
    const { berth } = host;
    const { runtime } = berth.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    assert.ok(items.length > 8);
    await Promise.all(items.map(({ id }) => runtime.removePodSandbox({ podSandboxId: id })));
    await eventually("nothing is left", async () => {
      const state = await readHostState();
      const own = concerning(berth.state, { ...state, process: new Set() });
      return own.length === 0;
    });
  });

  it("rejects a container with other mappings, or with unmapped users", async () => {
    const pod = await TestPod.run(host.berth, "refused", mapped());
    const others = { mode: POD, uids: [{ containerId: 0, hostId: 1, length }], gids };
    const other = shellConfig("other", host.image, sleep, mapped({ usernsOptions: others }));
    await assert.rejects(pod.create(other), /INVALID_ARGUMENT.*userns_options: must equal those of the pod/);
    const none = shellConfig("none", host.image, sleep, mapped({ usernsOptions: { mode: NODE } }));
    await assert.rejects(pod.create(none), /INVALID_ARGUMENT.*userns_options/);
    const far = shellConfig("far", host.image, sleep, mapped({}, { runAsUser: { value: 70_000n } }));
    await assert.rejects(pod.create(far), /INVALID_ARGUMENT.*user 70000 is not mapped/);
    const silent = await pod.shell("silent", host.image, sleep);
    assert.match(await execSync(host.berth, silent, "cat", "/proc/self/uid_map"), / 300000 /);
  });
});

describe("a pod whose user namespace is not possible", () => {
  const host = withBerth();

  it("is rejected with the kernel's reason, and leaves nothing", async () => {
    // Every id except the last can be mapped, and a request may ask for that one.
    const config = podConfig("wrong", mapped({ usernsOptions: { ...usernsOptions, uids: [] } }));
    const { runtime } = host.berth.clients;
    await assert.rejects(runtime.runPodSandbox({ config, runtimeHandler: "" }), /INVALID_ARGUMENT.*uids/);
    assert.deepEqual((await runtime.listPodSandbox({ filter: undefined })).items, []);
  });

  it("in the node's mode is a plain pod", async () => {
    const pod = await TestPod.run(host.berth, "node", mapped({ usernsOptions: { mode: NODE } }));
    const id = await pod.shell("main", host.image, sleep, mapped({ usernsOptions: { mode: NODE } }));
    const own = await readlink("/proc/self/ns/user");
    assert.equal((await execSync(host.berth, id, "readlink", "/proc/self/ns/user")).trim(), own);
  });
});
