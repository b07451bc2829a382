import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { type Mount, MountPropagation } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { busyboxImage } from "./support/busybox.ts";
import { testEngine } from "./support/engine.ts";
import { hostDirectory } from "./support/host-directory.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const privileged = { linux: { securityContext: { privileged: true } } };

describe("a mount", () => {
  const host = withBerth();
  let pods = 0;

  /** A privileged container that sleeps, with one mount at /data. */
  async function containerWith(mount: Partial<Mount>): Promise<string> {
    const pod = await TestPod.run(host.berth, `mounts-${++pods}`, privileged);
    return pod.shell("main", host.image, "exec sleep 1000", {
      mounts: [{ containerPath: "/data", ...mount }],
      ...privileged,
    });
  }

  const propagations = [
    { name: "PROPAGATION_PRIVATE", into: false, out: false },
    { name: "PROPAGATION_HOST_TO_CONTAINER", into: true, out: false },
    { name: "PROPAGATION_BIDIRECTIONAL", into: true, out: true },
  ] as const;
  for (const { name, into, out } of propagations) {
    it(`of ${name} passes mounts ${into ? "in" : "neither in"}${out ? " and out" : into ? ", not out" : " nor out"}`, async () => {
      await using source = await hostDirectory("shared");
      await mkdir(join(source.path, "inside"));
      const id = await containerWith({ hostPath: source.path, propagation: MountPropagation[name] });
      await run("mount", ["-t", "tmpfs", "none", join(source.path, "below")]);
      await writeFile(join(source.path, "below", "new"), "");
      assert.equal(await execSync(host.berth, id, "ls", "/data/below"), into ? "new\n" : "");
      const script = "mount -t tmpfs none /data/inside && touch /data/inside/mine";
      await execSync(host.berth, id, "sh", "-c", script);
      assert.deepEqual(await readdir(join(source.path, "inside")), out ? ["mine"] : []);
    });
  }

  it("that asks for more propagation than its source has is refused, and says what the source needs", async () => {
    await using closed = await hostDirectory("private");
    await using oneWay = await hostDirectory("slave");
    const { PROPAGATION_HOST_TO_CONTAINER: slave, PROPAGATION_BIDIRECTIONAL: shared } = MountPropagation;
    const message = /make-rshared/;
    await assert.rejects(containerWith({ hostPath: closed.path, propagation: slave }), { message });
    await assert.rejects(containerWith({ hostPath: closed.path, propagation: shared }), { message });
    await assert.rejects(containerWith({ hostPath: oneWay.path, propagation: shared }), { message });
    await containerWith({ hostPath: oneWay.path, propagation: slave });
  });

  it("that is readonly cannot be written to, and what is mounted below can unless that is recursive", async () => {
    await using source = await hostDirectory("private");
    await run("mount", ["-t", "tmpfs", "none", join(source.path, "below")]);
    const flat = await containerWith({ hostPath: source.path, readonly: true });
    await assert.rejects(execSync(host.berth, flat, "touch", "/data/x"), { message: /Read-only/ });
    await execSync(host.berth, flat, "touch", "/data/below/x");
    const deep = await containerWith({ hostPath: source.path, readonly: true, recursiveReadOnly: true });
    await assert.rejects(execSync(host.berth, deep, "touch", "/data/x"), { message: /Read-only/ });
    await assert.rejects(execSync(host.berth, deep, "touch", "/data/below/x"), { message: /Read-only/ });
  });

  it("forbids what its options say: running programs, set-user-id, devices", async () => {
    await using source = await hostDirectory("private");
    await run("cp", ["/bin/busybox", join(source.path, "busybox")]);
    await run("mknod", [join(source.path, "null"), "c", "1", "3"]);
    const free = await containerWith({ hostPath: source.path });
    await execSync(host.berth, free, "/data/busybox", "true");
    await execSync(host.berth, free, "sh", "-c", "echo > /data/null");
    for (const readonly of [false, true]) {
      const mountOptions = ["noexec", "nosuid", "nodev"];
      const id = await containerWith({ hostPath: source.path, readonly, mountOptions });
      await assert.rejects(execSync(host.berth, id, "/data/busybox", "true"), {
        message: /ermission denied/,
      });
      await assert.rejects(execSync(host.berth, id, "cat", "/data/null"), { message: /ermission denied/ });
      const options = (await execSync(host.berth, id, "grep", " /data ", "/proc/mounts")).split(" ")[3];
      for (const option of [...mountOptions, readonly ? "ro" : "rw"])
        assert.ok(options?.split(",").includes(option), `${option} in ${options}`);
    }
  });

  it("follows the host's symbolic links in its source, and the image's in its place, never out of the image", async () => {
    const { berth, registry } = host;
    const leadingTo = (linkname: string) => ({ type: "symlink", linkname }) as const;
    await using outside = await tempDir();
    const layer = [
      { name: outside.path.slice(1), type: "directory", mode: 0o755 } as const,
      { name: "up", ...leadingTo(`../../../../..${outside.path}`) },
      { name: "absolute", ...leadingTo(outside.path) },
    ];
    await pushImage(registry, "links", "latest", await busyboxImage({ layers: [layer] }));
    const image = `${registry.host}/links:latest`;
    await berth.pull(image);
    await using source = await hostDirectory("private");
    await using links = await tempDir();
    await symlink(source.path, join(links.path, "link"));
    const pod = await TestPod.run(berth, "mounts-links");
    const hostPath = join(links.path, "link");
    const id = await pod.shell("main", image, "exec sleep 1000", {
      mounts: [
        { hostPath, containerPath: "/up/a" },
        { hostPath, containerPath: "/absolute/b" },
      ],
    });
    for (const place of ["/up/a/file", "/absolute/b/file", `${outside.path}/a/file`])
      assert.equal(await execSync(berth, id, "cat", place), "on the host");
    assert.deepEqual(await readdir(outside.path), []);
  });

  it("is made where a symbolic link of the image leads to nothing, never out of the image (runc#5090)", async () => {
    const { berth, registry } = host;
    const leadingTo = (linkname: string) => ({ type: "symlink", linkname }) as const;
    await using outside = await tempDir();
    const layer = [
      { name: "var/run", ...leadingTo("/nowhere/run") },
      { name: "tmp", ...leadingTo("var/gone/tmp") },
      { name: "up", ...leadingTo(`../../../../..${outside.path}/gone`) },
      { name: "etc/resolv.conf", ...leadingTo("../run/resolve/resolv.conf") },
      { name: "etc/localtime", ...leadingTo("/usr/share/zoneinfo/UTC") },
      { name: "covered/run", ...leadingTo("/nowhere/covered") },
    ];
    await pushImage(registry, "dangling", "latest", await busyboxImage({ layers: [layer] }));
    const image = `${registry.host}/dangling:latest`;
    await berth.pull(image);
    await using source = await hostDirectory("private");
    await using volume = await tempDir();
    const pod = await TestPod.run(berth, "mounts-dangling", { dnsConfig: { servers: ["10.9.8.7"] } });
    const id = await pod.shell("main", image, "exec sleep 1000", {
      mounts: [
        { hostPath: source.path, containerPath: "/var/run/secrets/x" },
        { hostPath: source.path, containerPath: "/tmp" },
        { hostPath: source.path, containerPath: "/up/a" },
        { hostPath: join(source.path, "file"), containerPath: "/etc/localtime" },
        // Over a link that does not count any more.
        { hostPath: volume.path, containerPath: "/covered" },
        { hostPath: source.path, containerPath: "/covered/run/x" },
      ],
    });
    for (const place of [
      "/var/run/secrets/x/file",
      "/nowhere/run/secrets/x/file",
      "/tmp/file",
      "/up/a/file",
      "/covered/run/x/file",
    ])
      assert.equal(await execSync(berth, id, "cat", place), "on the host");
    assert.equal(await execSync(berth, id, "cat", "/etc/localtime"), "on the host");
    assert.equal(await execSync(berth, id, "cat", "/etc/resolv.conf"), "nameserver 10.9.8.7\n");
    assert.deepEqual(await readdir(outside.path), []);
  });
});

describe("a mount", () => {
  const rejected = "/run/berth-test-absent";
  const host = withBerth({
    config: `[container]\nabsent_mount_sources_to_reject = [${JSON.stringify(rejected)}]`,
  });

  it("gets a source that is missing made as a directory, unless the configuration forbids it", async () => {
    await using directory = await tempDir();
    const pod = await TestPod.run(host.berth, "absent");
    const missing = join(directory.path, "new", "one");
    const create = (hostPath: string) =>
      pod.create(
        shellConfig("main", host.image, "exit 0", { mounts: [{ hostPath, containerPath: "/data" }] }),
      );
    await assert.rejects(create(rejected), { message: /absent_mount_sources_to_reject/ });
    await assert.rejects(stat(rejected), { code: "ENOENT" });
    await create(missing);
    assert.ok((await stat(missing)).isDirectory());
  });

  it("can forbid things where Status tells kubelets so", async () => {
    const { features } = await host.berth.clients.runtime.status({ verbose: false });
    assert.equal(features?.mountOptions, testEngine !== "docker");
  });
});
