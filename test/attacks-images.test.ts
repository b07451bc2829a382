import assert from "node:assert/strict";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { MountPropagation } from "../src/ground/protocol/index.ts";
import { type ImageOptions, imageOf, type TestEntry } from "../src/testing/images.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const link = (name: string, linkname: string): TestEntry => ({ name, linkname, type: "symlink" });

describe("an image that is made to break out", () => {
  const host = withBerth();
  let count = 0;

  async function pulled(options: ImageOptions, make = busyboxImage): Promise<string> {
    const name = `evil-${++count}`;
    const image = await make({ compression: "none", ...options });
    await pushImage(host.registry, name, "latest", image);
    await host.berth.pull(`${host.registry.host}/${name}:latest`);
    return `${host.registry.host}/${name}:latest`;
  }

  /** An OCI runtime may refuse the request, but must not follow it out of the root. */
  function starts(containerId: string): Promise<boolean> {
    return host.berth.clients.runtime.startContainer({ containerId }).then(
      () => true,
      () => false,
    );
  }

  it("by a USER whose number overflows does not start", async () => {
    const pod = await TestPod.run(host.berth, "user");
    const overflowing = ["4294967296", "99999999999999999999", "-1", "2147483648", "1:4294967296", "0:-1"];
    for (const User of overflowing) {
      const image = await pulled({ config: { User } }, imageOf);
      await assert.rejects(pod.create(shellConfig("evil", image, "id")), /out of range/, User);
    }
    for (const User of ["0x0", "0x3e8", "1e3", "+0", " 0", "1:2:3", "../root", "root\nx"]) {
      const image = await pulled({ config: { User } }, imageOf);
      await assert.rejects(pod.create(shellConfig("evil", image, "id")), /no user|USER|user/, User);
    }
  });

  it("by numbers in its /etc/passwd that overflow gains no privileges", async () => {
    const passwd = [
      "zero:x:4294967296:4294967296::/:/bin/sh",
      "minus:x:-1:-1::/:/bin/sh",
      "hex:x:0x0:0x0::/:/bin/sh",
      "short:x:0",
      "empty:x:::::",
    ].join("\n");
    const image = await pulled({ layers: [[{ name: "etc/passwd", content: passwd }]] });
    const pod = await TestPod.run(host.berth, "passwd");
    for (const runAsUsername of ["zero", "minus", "hex", "short", "empty"]) {
      const linux = { securityContext: { runAsUsername } };
      const config = shellConfig("evil", image, "id", { linux });
      await assert.rejects(pod.create(config), /user .* not found/, runAsUsername);
    }
  });

  it("by an /etc/passwd that is a link to the host's, or a device, reads nothing from there", async () => {
    const pod = await TestPod.run(host.berth, "databases");
    const file = join(host.berth.directory, "passwd");
    await writeFile(file, "intruder:x:0:0::/:/bin/sh\n");
    const linux = { securityContext: { runAsUsername: "intruder" } };
    for (const target of [
      file,
      `../../../../../../../../..${file}`,
      `/proc/1/root${file}`,
      "/proc/self/cwd",
    ]) {
      const image = await pulled({ layers: [[link("etc/passwd", target)]] });
      await assert.rejects(
        pod.create(shellConfig("evil", image, "id", { linux })),
        /user .* not found|regular file/,
      );
    }
    const fifo: TestEntry = { name: "etc/passwd", type: "fifo" };
    const image = await pulled({ layers: [[fifo]] });
    await assert.rejects(pod.create(shellConfig("evil", image, "id", { linux })), /regular file/);
  });

  it("by links at mount points gets its mounts inside its root", async () => {
    const outside = join(host.berth.directory, "outside");
    const volume = join(host.berth.directory, "volume");
    await Promise.all([mkdir(outside, { recursive: true }), mkdir(volume, { recursive: true })]);
    await writeFile(join(outside, "file"), "untouched");
    await writeFile(join(volume, "file"), "of the volume");
    const image = await pulled({
      layers: [
        [
          link("absolute", outside),
          link("relative", `../../../../../../../..${outside}`),
          link("through", `/proc/1/root${outside}`),
          link("loop", "loop"),
        ],
      ],
    });
    const pod = await TestPod.run(host.berth, "links");
    const before = await readFile("/proc/self/mountinfo", "utf8");
    for (const target of ["/absolute", "/relative", "/absolute/below", "/through", "/loop"]) {
      const mounts = [
        { hostPath: volume, containerPath: target, propagation: MountPropagation.PROPAGATION_PRIVATE },
      ];
      const name = target.replaceAll("/", "");
      const id = await pod.create(shellConfig(name, image, `cat ${target}/file`, { mounts }));
      const started = await starts(id);
      if (started) await exited(host.berth, id);
      if (started && target !== "/through")
        assert.deepEqual(await pod.log(name), ["stdout P of the volume"], target);
      assert.deepEqual(await readdir(outside), ["file"]);
      assert.equal(await readFile(join(outside, "file"), "utf8"), "untouched");
      await host.berth.clients.runtime.removeContainer({ containerId: id });
    }
    const after = await readFile("/proc/self/mountinfo", "utf8");
    assert.deepEqual(mountsBelow(after, outside), mountsBelow(before, outside));
  });

  it("by a link in a volume, at another volume's mount point, gets that volume inside its root", async () => {
    const directories = ["first", "second", "beyond"].map((name) => join(host.berth.directory, name));
    await Promise.all(directories.map((path) => mkdir(path, { recursive: true })));
    const [first = "", second = "", beyond = ""] = directories;
    await symlink(beyond, join(first, "link"));
    await writeFile(join(second, "file"), "of the second");
    const pod = await TestPod.run(host.berth, "volume-links");
    const mounts = [
      { hostPath: first, containerPath: "/data" },
      { hostPath: second, containerPath: "/data/link" },
    ];
    const id = await pod.create(shellConfig("main", host.image, "cat /data/link/file", { mounts }));
    if (await starts(id)) {
      await exited(host.berth, id);
      assert.deepEqual(await pod.log("main"), ["stdout P of the second"]);
    }
    assert.deepEqual(await readdir(beyond), []);
    assert.deepEqual(mountsBelow(await readFile("/proc/self/mountinfo", "utf8"), beyond), []);
  });

  it("by links in place of /proc, /sys or /dev does not start", async () => {
    const outside = join(host.berth.directory, "elsewhere");
    await mkdir(outside, { recursive: true });
    const pod = await TestPod.run(host.berth, "kernel");
    for (const directory of ["proc", "sys", "dev"]) {
      const image = await pulled({ layers: [[link(directory, outside)]] });
      const config = shellConfig(directory, image, "exec sleep 1000");
      await assert.rejects(pod.create(config), /FAILED_PRECONDITION.*symbolic link/);
    }
    assert.deepEqual(await readdir(outside), []);
  });

  it("by a link in place of /etc gets its hosts and resolv.conf inside its root, or does not start", async () => {
    const outside = join(host.berth.directory, "etc");
    await mkdir(outside, { recursive: true });
    const image = await pulled({ layers: [[link("etc", outside)]] });
    const pod = await TestPod.run(host.berth, "etc");
    const id = await pod.create(shellConfig("evil", image, "exec sleep 1000"));
    if (await starts(id)) await execSync(host.berth, id, "cat", "/etc/resolv.conf");
    assert.deepEqual(await readdir(outside), []);
    assert.deepEqual(mountsBelow(await readFile("/proc/self/mountinfo", "utf8"), outside), []);
  });

  it("by a working directory that is a descriptor of the runtime does not reach the host", async () => {
    const pod = await TestPod.run(host.berth, "cwd");
    // CVE-2024-21626: a directory of the host that the runtime left open.
    const script = "pwd; ls -a . ../../../../../../../../tmp; cat ../../../../../../../../etc/passwd";
    const images = new Map([[7, await pulled({ config: { WorkingDir: "/proc/self/fd/7" } })]]);
    for (let fd = 3; fd < 16; fd++) {
      const workingDir = images.has(fd) ? "" : `/proc/self/fd/${fd}`;
      const name = `cwd-${fd}`;
      const id = await pod.create(shellConfig(name, images.get(fd) ?? host.image, script, { workingDir }));
      if (await starts(id)) {
        await exited(host.berth, id);
        const output = (await pod.log(name)).join("\n");
        assert.doesNotMatch(output, /berth-test-/, `descriptor ${fd} leads to the host`);
      }
    }
  });

  it("by links to such descriptors in place of a command's directory does not reach it either", async () => {
    const links = Array.from({ length: 20 }, (_, fd) => link(`fd-${fd}`, `/proc/self/fd/${fd}`));
    const image = await pulled({ layers: [links] });
    const pod = await TestPod.run(host.berth, "exec-cwd");
    const id = await pod.shell("main", image, "exec sleep 1000");
    for (let fd = 3; fd < 20; fd++) {
      const { stdout } = await host.berth.clients.runtime.execSync({
        containerId: id,
        cmd: ["ls", "-a", `/fd-${fd}/`, `/fd-${fd}/../../../../../../tmp`],
        timeout: 30n,
      });
      assert.doesNotMatch(stdout.toString(), /berth-test-|config\.json/, `descriptor ${fd}`);
    }
  });
});

function mountsBelow(mountinfo: string, directory: string): readonly string[] {
  return mountinfo.split("\n").filter((line) => line.includes(directory));
}
