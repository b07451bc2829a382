import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { ContainerdClients } from "./support/containerd.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { UpdateNamespaceRequest } = containerd.namespacesV1;

describe("containerd's API", () => {
  const host = withContainerd();

  test("returns its version, and a UUID that a restart does not change", async () => {
    const { version, introspection } = host.clients.in(undefined);
    const { version: told, revision } = await version.version({});
    assert.match(told, /^v2\.4\.2\+berth\.\d+\.\d+\.\d+/);
    assert.equal(revision, "");
    const { uuid, pid, pidns, deprecations } = await introspection.server({});
    assert.match(uuid, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const { ino } = await stat("/proc/self/ns/pid", { bigint: true });
    assert.deepEqual([pid, pidns, deprecations], [BigInt(host.berth.pid), ino, []]);
    await host.berth.restartDaemon();
    using again = new ContainerdClients(host.berth.socket);
    const { uuid: after } = await again.in(undefined).introspection.server({});
    assert.equal(after, uuid);
  });

  test("lists the plugins that clients look for, by type and id", async () => {
    const { introspection } = host.clients.in(undefined);
    const ids = async (...filters: string[]) => {
      const { plugins } = await introspection.plugins({ filters });
      return plugins.map(({ id }) => id);
    };
    assert.deepEqual(await ids("type==io.containerd.snapshotter.v1"), ["erofs", "native", "overlayfs"]);
    assert.deepEqual(await ids("type==io.containerd.snapshotter.v1,id==overlayfs"), ["overlayfs"]);
    assert.deepEqual(await ids("type==io.containerd.grpc.v1,id~=^(version|introspection)$"), [
      "introspection",
      "version",
    ]);
    assert.ok((await ids()).length > 5);
    const [overlayfs] = (await introspection.plugins({ filters: ["id==overlayfs"] })).plugins;
    assert.equal(overlayfs?.platforms[0]?.os, "linux");
    assert.deepEqual(overlayfs.capabilities, ["remap-ids"]);
    const type = "io.containerd.snapshotter.v1";
    const { plugin } = await introspection.pluginInfo({ type, id: "overlayfs", options: undefined });
    assert.deepEqual(plugin, overlayfs);
    await assert.rejects(introspection.pluginInfo({ type, id: "zfs", options: undefined }), {
      code: status.NOT_FOUND,
      details: /io\.containerd\.snapshotter\.v1\.zfs.* not found$/,
    });
    const options = { typeUrl: "x", value: Buffer.alloc(0) };
    await assert.rejects(introspection.pluginInfo({ type, id: "overlayfs", options }), {
      code: status.UNIMPLEMENTED,
    });
    await assert.rejects(
      introspection.pluginInfo({ type: "io.containerd.runtime.v2", id: "task", options }),
      { code: status.INVALID_ARGUMENT, details: /not containerd\.types\.RuntimeRequest/ },
    );
    await assert.rejects(introspection.plugins({ filters: ["type="] }), {
      code: status.INVALID_ARGUMENT,
      details: /^filter "type=": at character 5: .*: invalid argument$/,
    });
  });

  test("returns an OCI runtime's features, by a client's runtime and its options", async () => {
    const { introspection } = host.clients.in(undefined);
    const inspect = async (runtimePath: string, binaryName: string) => {
      const value = Buffer.from(
        containerd.runcOptions.Options.encode(
          containerd.runcOptions.Options.fromPartial({ binaryName }),
        ).finish(),
      );
      const asked = { runtimePath, options: { typeUrl: "containerd.runc.v1.Options", value } };
      const request = Buffer.from(containerd.types.RuntimeRequest.encode(asked).finish());
      const options = { typeUrl: "containerd.types.RuntimeRequest", value: request };
      const plugin = { type: "io.containerd.runtime.v2", id: "task" };
      const { extra } = await introspection.pluginInfo({ ...plugin, options });
      assert.equal(extra?.typeUrl, "containerd.types.RuntimeInfo");
      return containerd.types.RuntimeInfo.decode(extra.value);
    };
    const info = await inspect("io.containerd.runc.v2", "runc");
    assert.equal(info.name, "io.containerd.runc.v2");
    assert.match(info.version?.version ?? "", /^v2\.4\.2\+berth/);
    assert.match(info.features?.typeUrl ?? "", /\/features\/Features$/);
    assert.ok(JSON.parse(String(info.features?.value)).linux.namespaces.includes("user"));
    assert.equal((await inspect("runc", "")).name, "runc");
    await assert.rejects(inspect("io.containerd.kata.v2", ""), {
      code: status.INVALID_ARGUMENT,
      details: /runtime "io\.containerd\.kata\.v2" is not a runtime handler/,
    });
  });

  test("creates, labels and lists namespaces", async () => {
    const { namespaces } = host.clients.in(undefined);
    const created = await namespaces.create({ namespace: { name: "one", labels: { a: "1", b: "2" } } });
    assert.deepEqual(created.namespace, { name: "one", labels: { a: "1", b: "2" } });
    await assert.rejects(namespaces.create({ namespace: { name: "one", labels: {} } }), {
      code: status.ALREADY_EXISTS,
      details: "namespace one already exists",
    });
    const update = async (request: Parameters<typeof UpdateNamespaceRequest.fromPartial>[0]) => {
      await namespaces.update(UpdateNamespaceRequest.fromPartial(request));
      return (await namespaces.get({ name: "one" })).namespace?.labels;
    };
    const labels = { a: "", b: "x", c: "3" };
    const namespace = { name: "one", labels };
    assert.deepEqual(await update({ namespace, updateMask: ["labels.a", "labels.c"] }), { b: "2", c: "3" });
    assert.deepEqual(await update({ namespace: { name: "one", labels: { d: "4" } } }), { d: "4" });
    const listed = async (filter: string) =>
      (await namespaces.list({ filter })).namespaces.map(({ name }) => name);
    for (const filter of ["name==one", "labels.d==4"]) assert.deepEqual(await listed(filter), ["one"]);
    assert.deepEqual(await listed("labels.d==5"), []);
    await assert.rejects(namespaces.list({ filter: "name==" }), { code: status.INVALID_ARGUMENT });
    await assert.rejects(update({ namespace, updateMask: ["name"] }), {
      code: status.INVALID_ARGUMENT,
      details: 'cannot update "name" field: invalid argument',
    });
    await assert.rejects(namespaces.create({ namespace: { name: "a b", labels: {} } }), {
      code: status.INVALID_ARGUMENT,
    });
    await assert.rejects(namespaces.create({ namespace: undefined }), {
      code: status.INVALID_ARGUMENT,
      details: "namespace: missing in the request: invalid argument",
    });
    // One that does not exist has no labels, and is not an error.
    assert.deepEqual((await namespaces.get({ name: "absent" })).namespace, { name: "absent", labels: {} });
    const names = (await namespaces.list({ filter: "" })).namespaces.map(({ name }) => name);
    assert.deepEqual([names.includes("one"), names.includes("absent")], [true, false]);
  });

  test("deletes only an empty namespace, and returns NOT_FOUND for one that does not exist", async () => {
    const { namespaces } = host.clients.in(undefined);
    await namespaces.create({ namespace: { name: "empty", labels: { a: "1" } } });
    await namespaces.delete({ name: "empty" });
    await assert.rejects(namespaces.delete({ name: "empty" }), {
      code: status.NOT_FOUND,
      details: "namespace empty not found",
    });
  });

  test("does not delete a namespace that is not empty, and does not create one that was never created", async () => {
    const { namespaces } = host.clients.in(undefined);
    const { leases, snapshots } = host.clients.in("used");
    await leases.create({ id: "one", labels: {} });
    await snapshots.prepare({ snapshotter: "native", key: "one", parent: "", labels: {} });
    await assert.rejects(namespaces.delete({ name: "used" }), {
      code: status.FAILED_PRECONDITION,
      details: /it still has snapshots on "native" snapshotter/,
    });
    await snapshots.remove({ snapshotter: "native", key: "one" });
    await leases.delete({ id: "one", sync: true });
    const left = (await namespaces.list({ filter: "" })).namespaces.map(({ name }) => name);
    assert.ok(!left.includes("used"), left.join(", "));
  });
});

test("containerd's API has its own socket if one is configured, with the same permissions", async () => {
  await using directory = await tempDir();
  await chmod(directory.path, 0o755);
  const socket = join(directory.path, "containerd", "containerd.sock");
  await using berth = await TestBerth.start({
    network: undefined,
    config: `[containerd_api]\naddress = ${JSON.stringify(socket)}`,
  });
  for (const address of [berth.socket, socket]) {
    using clients = new ContainerdClients(address);
    assert.match((await clients.in(undefined).version.version({})).version, /berth/);
    assert.equal((await stat(address)).mode & 0o777, 0o660);
    assert.deepEqual(
      [await connectionOf(0, address), await connectionOf(65_534, address)],
      ["connected", "Permission denied"],
    );
  }
  await berth.stopDaemon();
  await assert.rejects(stat(socket), { code: "ENOENT" });
});

test("a daemon does not start, and serves no socket, if another process uses one of them", async () => {
  await using directory = await tempDir();
  const at = (name: string) => join(directory.path, name);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(at("taken.sock"), resolve));
  await writeFile(at("config.toml"), `[containerd_api]\naddress = ${JSON.stringify(at("taken.sock"))}`);
  const program = new URL("../dist/berthd.cjs", import.meta.url).pathname;
  const args = ["--config", at("config.toml"), "--root", at("root"), "--state", at("state")];
  const env = { ...process.env, CACHE_DIRECTORY: at("cache") };
  try {
    await assert.rejects(
      promisify(execFile)(process.execPath, [program, ...args, "--address", at("berth.sock")], { env }),
      { code: 1, stderr: /taken\.sock: another process is listening on it/ },
    );
    await assert.rejects(stat(at("berth.sock")), { code: "ENOENT" });
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});

test("containerd's API is not served if it is disabled", async () => {
  await using berth = await TestBerth.start({
    network: undefined,
    config: "[containerd_api]\nenabled = false",
  });
  using clients = new ContainerdClients(berth.socket);
  await assert.rejects(clients.in(undefined).version.version({}), { code: status.UNIMPLEMENTED });
});

/** What a process of that user prints after connecting to a socket. */
async function connectionOf(uid: number, socket: string): Promise<string> {
  const script = 'print IO::Socket::UNIX->new(Peer => $ARGV[0]) ? "connected" : $!';
  const args = ["-MIO::Socket::UNIX", "-e", script, socket];
  return (await promisify(execFile)("perl", args, { uid, gid: uid, cwd: "/" })).stdout;
}
