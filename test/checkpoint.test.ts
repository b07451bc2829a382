import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import {
  ContainerState,
  MountPropagation,
  SecurityProfile_ProfileType,
} from "../src/ground/protocol/index.ts";
import { tarOf } from "../src/testing/images.ts";
import { smallDisk } from "../src/testing/small-disk.ts";
import { checkpoint, counted, counting, countsTo } from "./support/checkpoints.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { programFiles } from "./support/program-files.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const options = await checkpointing();

describe("a checkpoint of a container", () => {
  const host = withBerth(options);

  it("is an archive that only root can read, and the container continues", async () => {
    const pod = await TestPod.run(host.berth, "archive");
    const seccomp = { profileType: SecurityProfile_ProfileType.RuntimeDefault };
    const id = await pod.shell("main", host.image, counting, { linux: { securityContext: { seccomp } } });
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "archive.tar");
    await checkpoint(host.berth, id, location);
    const after = (await counted(pod, "main")).at(-1) ?? 0;
    await countsTo(pod, "main", after + 3);
    assert.equal((await stat(location)).mode & 0o777, 0o600);
    const { stdout } = await run("tar", ["-tf", location]);
    const names = new Set(stdout.split("\n"));
    for (const name of [
      "config.dump",
      "spec.dump",
      "container.log",
      "dump.log",
      "stats-dump",
      "rootfs-diff.tar",
    ])
      assert.ok(names.has(name), name);
    // A number in the seccomp profile, which others can only read with all its digits.
    assert.match((await run("tar", ["-xOf", location, "spec.dump"])).stdout, /:18446744073709551614\b/);
    assert.ok(names.has("checkpoint/inventory.img") && names.has("checkpoint/pages-1.img"));
    assert.deepEqual(
      (await readdir(host.berth.directory)).filter((name) => name.includes("partial")),
      [],
    );
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });

  it("is restored with its memory, its files and its log, in the pod it is restored into", async () => {
    const before = await TestPod.run(host.berth, "before");
    const script = `echo new > /home/new; rm /etc/group; rm -r /var; mkdir /var; echo x > /var/y; ${counting}`;
    const first = await before.shell("main", host.image, script);
    await countsTo(before, "main", 3);
    const location = join(host.berth.directory, "restored.tar");
    await checkpoint(host.berth, first, location);
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: before.id });

    const pod = await TestPod.run(host.berth, "after");
    const id = await pod.create(shellConfig("main", location, ""));
    assert.equal((await containerStatus(host.berth, id)).state, ContainerState.CONTAINER_CREATED);
    await host.berth.clients.runtime.startContainer({ containerId: id });
    const numbers = await countsTo(pod, "main", 20);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    assert.equal(await execSync(host.berth, id, "hostname"), "after\n");
    assert.equal(await execSync(host.berth, id, "cat", "/home/new", "/var/y"), "new\nx\n");
    await assert.rejects(execSync(host.berth, id, "cat", "/etc/group"), /No such file/);
    await host.berth.clients.runtime.stopContainer({ containerId: id, timeout: 0n });
    assert.equal((await exited(host.berth, id)).exitCode, 137);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });

  it("is restored from an image that other tools created from it", async () => {
    const pod = await TestPod.run(host.berth, "image");
    const id = await pod.shell("main", host.image, `echo kept > /home/kept; ${counting}`);
    await countsTo(pod, "main", 3);
    const archive = join(host.berth.directory, "image.tar");
    await checkpoint(host.berth, id, archive);
    const layout = join(host.berth.directory, "layout");
    const image = `${layout}:checkpoint`;
    await run("umoci", ["init", "--layout", layout]);
    await run("umoci", ["new", "--image", image]);
    await run("umoci", ["raw", "add-layer", "--image", image, archive]);
    const annotation = "io.kubernetes.cri-o.annotations.checkpoint.name=main";
    await run("umoci", ["config", "--image", image, "--manifest.annotation", annotation]);
    const reference = `${host.registry.host}/checkpoint:latest`;
    await run("skopeo", ["copy", "--dest-tls-verify=false", `oci:${image}`, `docker://${reference}`]);
    await host.berth.pull(reference);
    const other = await TestPod.run(host.berth, "from-image");
    const restored = await other.create(shellConfig("main", reference, ""));
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    await countsTo(other, "main", 10);
    assert.equal(await execSync(host.berth, restored, "cat", "/home/kept"), "kept\n");
    const status = await containerStatus(host.berth, restored);
    assert.equal(status.imageId, (await containerStatus(host.berth, id)).imageId);
  });

  it("is restored with its volumes, its locks, closed connections, and another user", async () => {
    const hostPath = join(host.berth.directory, "locked");
    await mkdir(hostPath, { recursive: true });
    const propagation = MountPropagation.PROPAGATION_PRIVATE;
    // Debian's busybox has no flock. The machine's directories cannot be its volumes: other mounts in them
    // stop criu.
    const programs = join(host.berth.directory, "programs");
    for (const { name, mode, content } of await programFiles("/usr/bin/flock")) {
      await mkdir(dirname(join(programs, name)), { recursive: true });
      await writeFile(join(programs, name), content, { mode });
    }
    const mounts = [
      { containerPath: "/data", hostPath, propagation },
      { containerPath: "/programs", hostPath: programs, readonly: true, propagation },
    ];
    const server = await TestPod.run(host.berth, "server");
    await server.shell("server", host.image, "exec nc -ll -p 7000 -e cat");
    const pod = await TestPod.run(host.berth, "locks");
    const script = [
      "ln -s programs/lib /lib; ln -s programs/lib64 /lib64",
      "exec 9>/data/lock; /programs/usr/bin/flock -n 9 || exit",
      `sleep 100000 | (nc ${await server.ip()} 7000; echo closed) &`,
      counting,
    ].join("\n");
    const id = await pod.shell("main", host.image, script, { mounts });
    await countsTo(pod, "main", 3);
    await eventually("it is connected", async () =>
      (await execSync(host.berth, id, "netstat", "-tn")).includes("ESTABLISHED"),
    );
    const location = join(host.berth.directory, "locks.tar");
    await checkpoint(host.berth, id, location);
    assert.match(await execSync(host.berth, id, "netstat", "-tn"), /ESTABLISHED/);
    const other = await TestPod.run(host.berth, "unlocked");
    await assert.rejects(other.create(shellConfig("main", location, "")), /mounts at \/data, \/programs/);
    const restored = await other.create(shellConfig("main", location, "", { mounts }));
    // The first container holds the lock as long as it runs.
    await host.berth.clients.runtime.removeContainer({ containerId: id });
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    await countsTo(other, "main", 10);
    await assert.rejects(run("flock", ["-n", join(hostPath, "lock"), "true"]));
    await eventually("it has noticed that its connection is closed", async () =>
      (await other.log("main")).includes("stdout F closed"),
    );
  });

  it("of a container with a terminal is restored with one", async () => {
    const pod = await TestPod.run(host.berth, "terminal");
    const id = await pod.shell("main", host.image, counting, { tty: true });
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "terminal.tar");
    await checkpoint(host.berth, id, location);
    const other = await TestPod.run(host.berth, "terminal-after");
    await assert.rejects(other.create(shellConfig("main", location, "")), /terminal/);
    const restored = await other.create(shellConfig("main", location, "", { tty: true }));
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    await countsTo(other, "main", 10);
    assert.match(
      await execSync(host.berth, restored, "ls", "-l", "/proc/1/fd/1"),
      /\/dev\/pts\/0|\/dev\/console/,
    );
  });

  it("keeps stdin, so that the restored container reads from attached clients", async () => {
    const pod = await TestPod.run(host.berth, "stdin");
    const script = "while read line; do echo heard $line; done";
    const id = await pod.shell("main", host.image, script, { stdin: true });
    const location = join(host.berth.directory, "stdin.tar");
    await checkpoint(host.berth, id, location);
    const other = await TestPod.run(host.berth, "stdin-after");
    const restored = await other.create(shellConfig("main", location, "", { stdin: true }));
    await host.berth.clients.runtime.startContainer({ containerId: restored });
    assert.equal((await containerStatus(host.berth, restored)).state, ContainerState.CONTAINER_RUNNING);
    // Its stdin ends with the first container's, and then it exits.
    assert.match(await execSync(host.berth, restored, "ls", "-l", "/proc/1/fd/0"), /pipe:/);
  });

  it("can be taken of a restored container, and its end is reported with its code", async () => {
    const pod = await TestPod.run(host.berth, "again");
    const script = `i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i; sleep 0.05; [ -e /home/end ] && exit 7; done`;
    const first = await pod.shell("first", host.image, script);
    await countsTo(pod, "first", 3);
    const [one, two] = ["one", "two"].map((name) => join(host.berth.directory, `${name}.tar`));
    await checkpoint(host.berth, first, one ?? "");
    const second = await pod.create(shellConfig("second", one ?? "", ""));
    await host.berth.clients.runtime.startContainer({ containerId: second });
    await checkpoint(host.berth, second, two ?? "");
    const third = await pod.create(shellConfig("third", two ?? "", ""));
    await host.berth.clients.runtime.startContainer({ containerId: third });
    await execSync(host.berth, third, "touch", "/home/end");
    assert.equal((await exited(host.berth, third)).exitCode, 7);
    const { stdout } = await run("tar", ["-xOf", two ?? "", "config.dump"]);
    assert.equal(JSON.parse(stdout).restored, true);
  });

  it("survives a restart of the daemon, restored or not yet started", async () => {
    const pod = await TestPod.run(host.berth, "restart");
    const id = await pod.shell("main", host.image, counting);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "restart.tar");
    await checkpoint(host.berth, id, location);
    const running = await pod.create(shellConfig("running", location, ""));
    await host.berth.clients.runtime.startContainer({ containerId: running });
    const waiting = await pod.create(shellConfig("waiting", location, ""));
    await host.berth.restartDaemon("SIGKILL");
    const { runtime } = host.berth.clients;
    assert.equal((await containerStatus(host.berth, running)).state, ContainerState.CONTAINER_RUNNING);
    await runtime.startContainer({ containerId: waiting });
    await countsTo(pod, "waiting", 10);
    await runtime.stopContainer({ containerId: running, timeout: 0n });
    assert.equal((await exited(host.berth, running)).exitCode, 137);
  });

  it("on a full disk fails with RESOURCE_EXHAUSTED, leaves nothing, and the container continues", async () => {
    await using disk = await smallDisk(1024 * 1024);
    const pod = await TestPod.run(host.berth, "full");
    const id = await pod.shell(
      "main",
      host.image,
      `dd if=/dev/urandom of=/home/big bs=1M count=4 2>&1; ${counting}`,
    );
    await eventually("it counts", async () => (await pod.log("main")).includes("stdout F 2"));
    const location = join(disk.path, "checkpoint.tar");
    await writeFile(location, "an earlier one");
    await assert.rejects(checkpoint(host.berth, id, location), /RESOURCE_EXHAUSTED/);
    assert.equal(await readFile(location, "utf8"), "an earlier one");
    assert.deepEqual(await readdir(disk.path), ["checkpoint.tar"]);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
    const before = (await pod.log("main")).length;
    await eventually("it goes on", async () => (await pod.log("main")).length > before + 2);
  });

  it("is rejected if the container does not run, or the location cannot be a file", async () => {
    const pod = await TestPod.run(host.berth, "refused");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    const created = await pod.create(shellConfig("created", host.image, "exec sleep 1000"));
    const at = (name: string) => join(host.berth.directory, name);
    await mkdir(at("directory"));
    const { runtime } = host.berth.clients;
    const request = { containerId: id, timeout: 0n };
    await assert.rejects(
      runtime.checkpointContainer({ ...request, location: "relative" }),
      /INVALID_ARGUMENT.*location/,
    );
    await assert.rejects(
      runtime.checkpointContainer({ ...request, location: "/a/../b" }),
      /INVALID_ARGUMENT.*location/,
    );
    await assert.rejects(checkpoint(host.berth, id, at("directory")), /INVALID_ARGUMENT.*not a regular file/);
    await assert.rejects(checkpoint(host.berth, id, at("none/here.tar")), /INVALID_ARGUMENT.*does not exist/);
    await assert.rejects(checkpoint(host.berth, created, at("x.tar")), /FAILED_PRECONDITION.*not running/);
    await assert.rejects(checkpoint(host.berth, "0123", at("x.tar")), /NOT_FOUND/);
    await assert.rejects(
      runtime.checkpointContainer({ containerId: id, location: at("x.tar"), timeout: -1n }),
      /INVALID_ARGUMENT.*timeout/,
    );
  });
});

const { stdout: crunVersion } = await run("/usr/bin/crun", ["--version"]);
const crunHasCriu =
  crunVersion.includes("+CRIU") &&
  "this machine's crun is built with criu, as Debian's is from version 13 on";

describe("a handler that is built without criu", { skip: crunHasCriu }, () => {
  const host = withBerth({ config: `[runtime]\ndefault_handler = "crun"\n` });

  it("is named in errors of calls that need criu", async () => {
    const pod = await TestPod.run(host.berth, "crun");
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    await assert.rejects(
      checkpoint(host.berth, id, join(host.berth.directory, "crun.tar")),
      /UNIMPLEMENTED.*crun.*without support for checkpoint and restore.*runc/,
    );
  });
});

describe("an archive", () => {
  const host = withBerth(options);

  const create = async (entries: Parameters<typeof tarOf>[0]) => {
    const pod = await TestPod.run(host.berth, `hostile-${Math.random().toString(36).slice(2)}`);
    const archive = join(host.berth.directory, "hostile.tar");
    await writeFile(archive, await tarOf(entries));
    return pod.create(shellConfig("main", archive, ""));
  };
  const configDump = (values: object = {}) => ({
    name: "config.dump",
    content: JSON.stringify({ id: "x", name: "main", rootfsImageName: host.image, ...values }),
  });
  const specDump = { name: "spec.dump", content: JSON.stringify({ process: { args: ["sh"] }, mounts: [] }) };
  const images = [
    { name: "checkpoint", type: "directory" as const },
    { name: "checkpoint/inventory.img", content: "none" },
    { name: "checkpoint/descriptors.json", content: '["/dev/null","pipe:[1]","pipe:[2]"]' },
  ];

  it("that is invalid or does not exist is rejected", async () => {
    const pod = await TestPod.run(host.berth, "none");
    const file = join(host.berth.directory, "none.tar");
    await assert.rejects(
      pod.create(shellConfig("main", file, "")),
      /NOT_FOUND.*checkpoint archive .* not found/,
    );
    await writeFile(file, "this is no archive");
    await assert.rejects(
      pod.create(shellConfig("main", file, "")),
      /(DATA_LOSS|INVALID_ARGUMENT).*none\.tar cannot be read as the checkpoint of a container: /,
    );
    await assert.rejects(create([{ name: "hello", content: "hello" }]), /INVALID_ARGUMENT.*no config.dump/);
    await assert.rejects(create([configDump(), specDump]), /INVALID_ARGUMENT.*no directory checkpoint/);
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });

  it("whose base image is missing says which one to pull", async () => {
    const values = { rootfsImageName: "example.com/gone:1", rootfsImageRef: `sha256:${"0".repeat(64)}` };
    await assert.rejects(
      create([configDump(values), specDump, ...images]),
      /NOT_FOUND.*example.com\/gone:1.*pull/,
    );
    // Another image under the same name is not accepted.
    const other = { rootfsImageName: host.image, rootfsImageRef: `sha256:${"0".repeat(64)}` };
    await assert.rejects(create([configDump(other), specDump, ...images]), /NOT_FOUND/);
  });

  it("is not kept unpacked for a container that cannot be created", async () => {
    const pod = await TestPod.run(host.berth, "uncreated");
    const id = await pod.shell("main", host.image, counting);
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "uncreated.tar");
    await checkpoint(host.berth, id, location);
    const before = await readdir(join(host.berth.root, "checkpoints"));
    const mount = { containerPath: "/data", readonly: true, image: { image: "registry.invalid/absent:1" } };
    await assert.rejects(
      pod.create(shellConfig("copy", location, "", { mounts: [mount] })),
      /NOT_FOUND.*absent/,
    );
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), before);
  });

  it("cannot lead out of its directory, nor have anything but regular files read", async () => {
    const secret = join(host.berth.directory, "secret");
    await mkdir(secret);
    await writeFile(join(secret, "inventory.img"), "");
    const link = (name: string, linkname: string) => ({ name, type: "symlink" as const, linkname });
    await assert.rejects(
      create([configDump(), specDump, link("checkpoint", secret)]),
      /INVALID_ARGUMENT.*checkpoint/,
    );
    await assert.rejects(
      create([link("config.dump", "/etc/passwd"), specDump, ...images]),
      /INVALID_ARGUMENT.*regular/,
    );
    await assert.rejects(
      create([configDump(), specDump, ...images, link("checkpoint/pages-1.img", "/etc/shadow")]),
      /INVALID_ARGUMENT.*regular/,
    );
    await assert.rejects(
      create([configDump(), specDump, ...images, { name: "../escaped", content: "x" }]),
      /INVALID_ARGUMENT.*leaves/,
    );
    await assert.rejects(
      create([configDump(), specDump, ...images, link("rootfs-diff.tar", "/etc/passwd")]),
      /INVALID_ARGUMENT.*regular/,
    );
    assert.deepEqual(await readdir(join(host.berth.root, "checkpoints")), []);
  });

  it("cannot change files outside the container's root by its diff or its list of deleted files", async () => {
    const outside = join(host.berth.directory, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "file"), "untouched");
    const diff = await tarOf([
      { name: "home/link", type: "symlink", linkname: outside },
      { name: "home/link/file", content: "changed" },
    ]);
    const deleted = JSON.stringify([`/home/link/file`, "/proc/../../../etc/hostname"]);
    await assert.rejects(
      create([
        configDump(),
        specDump,
        ...images,
        { name: "rootfs-diff.tar", content: diff },
        { name: "deleted.files", content: deleted },
      ]),
      /INVALID_ARGUMENT/,
    );
    assert.equal(await readFile(join(outside, "file"), "utf8"), "untouched");
  });

  it("with images that criu cannot read fails the start, with criu's words", async () => {
    const containerId = await create([configDump(), specDump, ...images]);
    await assert.rejects(
      host.berth.clients.runtime.startContainer({ containerId }),
      /criu cannot restore it/,
    );
    const status = await containerStatus(host.berth, containerId);
    assert.deepEqual([status.state, status.reason], [ContainerState.CONTAINER_EXITED, "StartError"]);
  });

  it("cannot give processes privileges that the container lacks, nor let them run", async () => {
    const pod = await TestPod.run(host.berth, "privileges");
    const script = counting.replace("sleep", "echo > /home/ran; sleep");
    const base = { maskedPaths: ["/proc/keys"], readonlyPaths: [] };
    const id = await pod.shell("main", host.image, script, { linux: { securityContext: base } });
    await countsTo(pod, "main", 3);
    const location = join(host.berth.directory, "privileges.tar");
    await checkpoint(host.berth, id, location);
    const refused: readonly [object, RegExp][] = [
      [{ ...base, capabilities: { dropCapabilities: ["ALL"] } }, /PERMISSION_DENIED.*capabilities/],
      [{ ...base, noNewPrivs: true }, /PERMISSION_DENIED.*no_new_privs/],
      [{ ...base, readonlyRootfs: true }, /PERMISSION_DENIED.*root file system is writable/],
      [{ ...base, readonlyPaths: ["/proc/sys"] }, /PERMISSION_DENIED.*\/proc\/sys can be written/],
      [
        { ...base, maskedPaths: ["/proc/keys", "/proc/timer_list"] },
        /PERMISSION_DENIED.*timer_list is not masked/,
      ],
    ];
    for (const [index, [securityContext, reason]] of refused.entries()) {
      const weaker = await pod.create(
        shellConfig(`weaker${index}`, location, "", { linux: { securityContext } }),
      );
      const start = host.berth.clients.runtime.startContainer({ containerId: weaker });
      await assert.rejects(start, reason);
      assert.equal((await containerStatus(host.berth, weaker)).state, ContainerState.CONTAINER_EXITED);
      // It has logged nothing beyond the log of the checkpointed container.
      const said = await counted(pod, `weaker${index}`);
      assert.deepEqual(said, (await counted(pod, "main")).slice(0, said.length));
    }
    const same = await pod.create(shellConfig("same", location, "", { linux: { securityContext: base } }));
    await host.berth.clients.runtime.startContainer({ containerId: same });
  });
});
