import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { status } from "@grpc/grpc-js";
import { mountInfo } from "../src/ground/linux/index.ts";
import { containerd } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { ActivateRequest, UpdateRequest } = containerd.mountsV1;
type Activate = Parameters<typeof ActivateRequest.fromPartial>[0];

const run = promisify(execFile);

describe("containerd's API of activated mounts", () => {
  const host = withContainerd({ config: '[images]\ngc_delay = "0s"' });

  const activate = async (namespace: string, given: Activate, lease?: string) =>
    (await host.clients.in(namespace, lease).mounts.activate(ActivateRequest.fromPartial(given))).info;

  /** The path of something in the daemon's root directory, where it may create what clients name. */
  const own = (...names: readonly string[]) => join(host.berth.directory, "root", ...names);

  async function directories(...names: readonly string[]): Promise<readonly string[]> {
    const paths = names.map((name) => own("given", name));
    for (const path of paths) {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, path.slice(path.lastIndexOf("/") + 1)), "");
    }
    return paths;
  }

  const bind = (source: string, type = "bind") => ({ type, source, options: ["rbind", "ro"] });

  const isMounted = async (path: string) => (await mountInfo()).some(({ mountPoint }) => mountPoint === path);

  const active = async (namespace: string, filters: readonly string[] = []) => {
    const { raw, metadata } = host.clients.in(namespace);
    const messages = await raw.mounts.list({ filters: [...filters] }, metadata).toArray();
    return messages.map(({ info }: containerd.mountsV1.ListMessage) => info?.name);
  };

  test("mounts of snapshotters are left to the client, unless they are temporary", async () => {
    const { mounts, snapshots } = host.clients.in("mounts");
    await snapshots.prepare({ snapshotter: "overlayfs", key: "below", parent: "", labels: {} });
    await snapshots.commit({ snapshotter: "overlayfs", name: "base", key: "below", labels: {}, parent: "" });
    const made = await snapshots.prepare({ snapshotter: "overlayfs", key: "a", parent: "base", labels: {} });
    await assert.rejects(
      mounts.activate(ActivateRequest.fromPartial({ name: "a", mounts: made.mounts })),
      // By this text, containerd's client knows that it must mount them itself.
      { code: status.UNIMPLEMENTED, details: /"overlay".* yourself: not implemented$/ },
    );
    const info = await activate("mounts", { name: "a", mounts: made.mounts, temporary: true });
    const [mounted] = info?.active ?? [];
    assert.equal(await isMounted(mounted?.mountPoint ?? ""), true);
    assert.deepEqual(info?.system, [
      { type: "bind", source: mounted?.mountPoint, target: "", options: ["rbind"] },
    ]);
    await mounts.deactivate({ name: "a" });
    assert.equal(await isMounted(mounted?.mountPoint ?? ""), false);
    await assert.rejects(mounts.deactivate({ name: "a" }), { code: status.NOT_FOUND });
  });

  test("a mount can refer to those before it, and its directories are created", async () => {
    const [low = "", high = ""] = await directories("low", "high");
    const work = own("given", "made");
    const info = await activate("formatted", {
      name: "overlay",
      mounts: [
        bind(low),
        bind(high),
        {
          type: "format/mkdir/overlay",
          source: "overlay",
          options: [
            `X-containerd.mkdir.path=${work}:0755`,
            `X-containerd.mkdir.path=${work}/upper:0750:1000:1001`,
            `X-containerd.mkdir.path=${work}/work`,
            "lowerdir={{ overlay 1 0 }}",
            `upperdir=${work}/upper`,
            `workdir=${work}/work`,
          ],
        },
      ],
    });
    const points = info?.active.map(({ mountPoint }) => mountPoint) ?? [];
    assert.deepEqual(await Promise.all(points.map((point) => readdir(point))), [["low"], ["high"]]);
    const { uid, gid, mode } = await stat(join(work, "upper"));
    assert.deepEqual([uid, gid, mode & 0o777], [1000, 1001, 0o750]);
    assert.deepEqual(info?.system, [
      {
        type: "overlay",
        source: "overlay",
        target: "",
        options: [
          `lowerdir=${points[1]}:${points[0]}`,
          `upperdir=${join(work, "upper")}`,
          `workdir=${join(work, "work")}`,
        ],
      },
    ]);
    await host.clients.in("formatted").mounts.deactivate({ name: "overlay" });
  });

  test("a file system is created in a file, and mounted with a block device", async () => {
    const image = own("given.img");
    const info = await activate("made", {
      name: "image",
      mounts: [
        {
          type: "mkfs/loop",
          source: image,
          options: ["X-containerd.mkfs.size=16MiB", "X-containerd.mkfs.fs=ext4"],
        },
        { type: "format/ext4", source: "{{ mount 0 }}", options: [] },
      ],
    });
    const device = await readlink(info?.active[0]?.mountPoint ?? "");
    assert.match(device, /^\/dev\/loop\d+$/);
    const used = async () =>
      readFile(`/sys/block/${device.slice("/dev/".length)}/loop/backing_file`, "utf8").catch(() => "");
    assert.equal((await used()).trim(), image);
    const { stdout } = await run("blkid", ["-o", "value", "-s", "TYPE", image]);
    assert.equal(stdout, "ext4\n");
    assert.deepEqual(
      info?.system.map(({ type, source }) => [type, source]),
      [["ext4", info?.active[0]?.mountPoint]],
    );
    await host.clients.in("made").mounts.deactivate({ name: "image" });
    await eventually("the device is free", async () => (await used()) === "");

    const whole = await activate("made", {
      name: "whole",
      mounts: [{ type: "ext4", source: image, options: ["loop", "ro"] }],
      temporary: true,
    });
    const point = whole?.active[0]?.mountPoint ?? "";
    assert.deepEqual(await readdir(point), ["lost+found"]);
    await host.clients.in("made").mounts.deactivate({ name: "whole" });
    await assert.rejects(lstat(point), { code: "ENOENT" });
  });

  test("activations outlive the daemon with their labels, which can be changed, and are listed by filters", async () => {
    const [low = ""] = await directories("low");
    const given = { mounts: [bind(low)], temporary: true };
    await activate("kept", { ...given, name: "one", labels: { a: "1", b: "2" } });
    await activate("kept", { ...given, name: "two" });
    await assert.rejects(activate("kept", { ...given, name: "one" }), { code: status.ALREADY_EXISTS });
    await host.berth.restartDaemon("SIGKILL");
    const { mounts } = host.clients.in("kept");
    const { info } = await mounts.info({ name: "one" });
    assert.deepEqual(info?.labels, { a: "1", b: "2" });
    assert.equal(await isMounted(info?.active[0]?.mountPoint ?? ""), true);
    const updated = await mounts.update(
      UpdateRequest.fromPartial({ info: { name: "one", labels: { a: "3" } }, updateMask: ["labels.a"] }),
    );
    assert.deepEqual(updated.info?.labels, { a: "3", b: "2" });
    assert.deepEqual(await active("kept", ["labels.a==3"]), ["one"]);
    assert.deepEqual(await active("kept", ["name==two"]), ["two"]);
    assert.deepEqual(await active("elsewhere"), []);
    await assert.rejects(active("kept", ["name=="]), { code: status.INVALID_ARGUMENT });
    for (const name of ["one", "two"]) await mounts.deactivate({ name });
    assert.deepEqual(await readdir(join(host.berth.state, "mounts")), []);
  });

  test("an activation is removed with its lease, and with the snapshot that its label names", async () => {
    const [low = ""] = await directories("low");
    const { leases, snapshots } = host.clients.in("collected");
    const snapshotter = "overlayfs";
    const root = { "containerd.io/gc.root": "yes" };
    await snapshots.prepare({ snapshotter, key: "held", parent: "", labels: root });
    await leases.create({ id: "lease", labels: {} });
    const given = { mounts: [bind(low)], temporary: true };
    await activate("collected", { ...given, name: "leased" }, "lease");
    const labels = { "containerd.io/gc.bref.snapshot.overlayfs": "held" };
    await activate("collected", { ...given, name: "labelled", labels });
    const collect = async () => {
      await leases.create({ id: "other", labels: {} });
      await leases.delete({ id: "other", sync: true });
    };
    await collect();
    assert.deepEqual((await active("collected")).sort(), ["labelled", "leased"]);
    // Synchronously, so that the name is free again.
    await leases.delete({ id: "lease", sync: false });
    assert.deepEqual(await active("collected"), ["labelled"]);
    await snapshots.remove({ snapshotter, key: "held" });
    await collect();
    assert.deepEqual(await active("collected"), []);
    assert.deepEqual(await readdir(join(host.berth.state, "mounts")), []);
  });

  test("mounts in use stay, and invalid mounts are rejected and leave nothing", async () => {
    const [low = "", high = ""] = await directories("low", "high");
    const info = await activate("refused", { name: "used", mounts: [bind(low)], temporary: true });
    const point = info?.active[0]?.mountPoint ?? "";
    await using held = await import("node:fs/promises").then(({ open }) => open(join(point, "low")));
    const { mounts } = host.clients.in("refused");
    await assert.rejects(mounts.deactivate({ name: "used" }), {
      code: status.FAILED_PRECONDITION,
      details: /is in use/,
    });
    await held.close();
    await mounts.deactivate({ name: "used" });

    const { INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED } = status;
    const after = (mount: NonNullable<Activate["mounts"]>[number]) => [bind(high), mount];
    for (const [given, code, details] of [
      [{ name: "" }, INVALID_ARGUMENT, /name/],
      [
        { mounts: after({ type: "format/bind", source: "{{ mount 1 }}" }) },
        INVALID_ARGUMENT,
        /is not the number of an earlier mount/,
      ],
      [{ mounts: after({ type: "format/bind", source: "{{ nosuch 0 }}" }) }, INVALID_ARGUMENT, /nosuch/],
      [
        {
          mounts: after({ type: "mkdir/bind", source: low, options: ["X-containerd.mkdir.path=/etc/made"] }),
        },
        INVALID_ARGUMENT,
        /"\/etc\/made" is not in a directory below/,
      ],
      [
        {
          mounts: after({
            type: "mkfs/loop",
            source: own("x.img"),
            options: ["X-containerd.mkfs.size=none"],
          }),
        },
        INVALID_ARGUMENT,
        /size=none/,
      ],
      [{ mounts: after(bind("/nosuch")), temporary: true }, NOT_FOUND, /\/nosuch/],
      [{ mounts: [bind(low, "nosuch/bind")] }, UNIMPLEMENTED, /"nosuch\/bind"/],
    ] as const)
      await assert.rejects(activate("refused", { name: "refused", ...given } as Activate), { code, details });
    assert.deepEqual(await active("refused"), []);
    assert.deepEqual(await readdir(join(host.berth.state, "mounts")), []);
    assert.equal(
      (await mountInfo()).some(({ mountPoint }) => mountPoint.startsWith(point)),
      false,
    );
    for (const looking of [
      mounts.info({ name: "a" }),
      mounts.update(UpdateRequest.fromPartial({ info: { name: "a" } })),
    ])
      await assert.rejects(looking, { code: NOT_FOUND, details: /mount "a" is not active/ });
    await assert.rejects(host.clients.in(undefined).mounts.info({ name: "a" }), {
      code: status.FAILED_PRECONDITION,
    });
  });
});
