import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { lstat, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ContainerState, MountPropagation, NamespaceMode } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

/** All files below a directory that are on its own file system. */
async function tree(directory: string): Promise<readonly string[]> {
  const { dev } = await stat(directory);
  const found: string[] = [];
  const walk = async (path: string): Promise<void> => {
    const info = await lstat(path).catch(() => undefined);
    if (info === undefined || info.dev !== dev) return;
    found.push(path);
    if (!info.isDirectory()) return;
    for (const name of await readdir(path).catch(() => [])) await walk(join(path, name));
  };
  await walk(directory);
  return found;
}

describe("a container that looks around", () => {
  const host = withBerth();

  it("finds no descriptor of the daemon, its monitor or the OCI runtime, and neither do its commands", async () => {
    const pod = await TestPod.run(host.berth, "descriptors");
    // A shell has no file open itself, unlike `ls`, which has to read the directory.
    const list = "ls -l /proc/$$/fd";
    const started = await pod.output("own", host.image, list);
    const id = await pod.shell("shell", host.image, "exec sleep 1000", { stdin: true });
    const exec = await execSync(host.berth, id, "sh", "-c", list);
    const first = await execSync(host.berth, id, "ls", "-l", "/proc/1/fd");
    for (const output of [started, exec, first]) {
      const descriptors = [...output.matchAll(/(\d+) -> (.*)$/gm)].map(([, fd, target]) => [fd, target]);
      assert.deepEqual(
        descriptors.map(([fd]) => fd),
        ["0", "1", "2"],
        output,
      );
      for (const [, target] of descriptors) assert.match(target ?? "", /^(pipe:\[\d+\]|\/dev\/null)$/);
    }
  });

  it("with a terminal has no other descriptor", async () => {
    const pod = await TestPod.run(host.berth, "terminal");
    const id = await pod.shell("shell", host.image, "exec sleep 1000", { tty: true, stdin: true });
    const first = await execSync(
      host.berth,
      id,
      "sh",
      "-c",
      "for fd in /proc/1/fd/*; do echo $fd $(readlink $fd); done",
    );
    for (const line of first.trim().split("\n"))
      assert.match(line, /^\/proc\/1\/fd\/[0-2] \/dev\/(pts\/0|console)$/);
  });

  it("on the host's network finds no abstract socket that leads to its monitor or the daemon", async () => {
    // The abstract name space of unix sockets belongs to the network namespace: containerd's shims were
    // reached that way (CVE-2020-15257).
    const pod = await TestPod.run(host.berth, "sockets", {
      linux: {
        securityContext: {
          namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER },
        },
      },
    });
    const control = `berth-test-${randomUUID()}`;
    await using server = createServer();
    server.listen(`\0${control}`);
    await once(server, "listening");
    const id = await pod.shell("shell", host.image, "exec sleep 1000", { tty: true, stdin: true });
    const sockets = (await execSync(host.berth, id, "cat", "/proc/net/unix")).split("\n");
    const names = sockets.flatMap((line) => line.trim().split(/\s+/)[7] ?? []);
    const abstract = names.filter((name) => name.startsWith("@"));
    assert.ok(abstract.includes(`@${control}`), "it sees the host's abstract sockets");
    assert.deepEqual(
      abstract.filter((name) => name.includes(id) || /conmon|shim|runc|crun|berthd|attach/.test(name)),
      [],
    );
    const paths = names.filter((name) => name.startsWith(host.berth.directory));
    assert.ok(paths.length > 0, "the daemon's and the monitor's sockets have paths");
    for (const path of paths)
      await assert.rejects(execSync(host.berth, id, "ls", path), /No such file or directory/);
  });
});

describe("the daemon's files", () => {
  const host = withBerth();

  it("are accessible only to its own user, including those of a container", async () => {
    const { berth } = host;
    const volume = join(berth.directory, "volume");
    const pod = await TestPod.run(berth, "modes", {
      hostname: "modes",
      dnsConfig: { servers: ["192.0.2.1"] },
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } },
    });
    const id = await pod.shell("shell", host.image, "echo secret; exec sleep 1000", {
      envs: [{ key: "TOKEN", value: Buffer.from("secret") }],
      mounts: [{ hostPath: volume, containerPath: "/v", propagation: MountPropagation.PROPAGATION_PRIVATE }],
    });
    await execSync(berth, id, "true");
    for (const directory of [berth.state, berth.root]) {
      const reachable = await reachableByOthers(directory);
      assert.deepEqual(reachable, []);
    }
    const socket = await stat(berth.socket);
    assert.equal(socket.mode & 0o007, 0);
  });

  it("are not written through links that replace a log", async () => {
    const { berth } = host;
    const { runtime } = berth.clients;
    const target = join(berth.directory, "target");
    await writeFile(target, "untouched\n");
    const pod = await TestPod.run(berth, "log-links");
    await mkdir(pod.config.logDirectory, { recursive: true });
    await symlink(target, join(pod.config.logDirectory, "linked.log"));
    const linked = await pod.create(shellConfig("linked", host.image, "echo written"));
    await assert.rejects(runtime.startContainer({ containerId: linked }), /linked\.log.*symbolic link/);
    assert.equal(await readFile(target, "utf8"), "untouched\n");

    const talk = "while true; do echo line; sleep 0.05; done";
    const id = await pod.shell("talk", host.image, talk);
    const log = join(pod.config.logDirectory, "talk.log");
    await eventually("there is a line", async () => (await pod.log("talk")).length > 0);
    await rename(log, `${log}.1`);
    await symlink(target, log);
    await assert.rejects(runtime.reopenContainerLog({ containerId: id }), /talk\.log.*symbolic link/);
    assert.equal(await readFile(target, "utf8"), "untouched\n");
    assert.equal((await containerStatus(berth, id)).state, ContainerState.CONTAINER_RUNNING);
  });
});

/**
 * Files and directories that users other than the owner can access, by their own mode and that of all
 * directories above.
 */
async function reachableByOthers(directory: string): Promise<readonly string[]> {
  const open = new Set<string>();
  const found: string[] = [];
  for (const path of await tree(directory)) {
    const info = await lstat(path);
    const parent = path.slice(0, path.lastIndexOf("/"));
    const entered = path === directory || open.has(parent);
    if (info.isDirectory() && entered && (info.mode & 0o001) !== 0) open.add(path);
    if (entered && !info.isSymbolicLink() && (info.mode & 0o006) !== 0)
      found.push(`${path} ${(info.mode & 0o7777).toString(8)}`);
  }
  return found;
}
