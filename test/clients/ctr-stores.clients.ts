/** Reads berth's stores with an unmodified ctr, and writes to them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { clientProgram } from "../support/client-programs.ts";
import { withClients } from "../support/with-clients.ts";

describe("ctr content, snapshots, leases, namespaces and plugins", () => {
  const host = withClients();
  const ctr = (...args: readonly string[]) => host.programs.ctr(...args);
  const manifest = async () => /sha256:\w+/.exec(await ctr("images", "ls", `name==${host.image}`))?.[0] ?? "";

  before(() => ctr("images", "pull", host.image));

  it("reads, labels and lists content", async () => {
    const digest = await manifest();
    const { config, layers } = JSON.parse(await ctr("content", "get", digest));
    const expected = [digest, config.digest, ...layers.map((layer: { digest: string }) => layer.digest)];
    assert.deepEqual((await ctr("content", "ls", "-q")).split("\n").sort(), expected.sort());
    await ctr("content", "label", digest, "color=red");
    assert.equal(await ctr("content", "ls", "-q", "labels.color==red"), digest);
  });

  it("writes content and removes it", async () => {
    const data = "some data\n";
    const digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
    const { code } = await host.programs.say(
      "ctr",
      ["content", "ingest", "--expected-digest", digest, "ref"],
      data,
    );
    assert.equal(code, 0);
    assert.equal(await ctr("content", "get", digest), data.trimEnd());
    await ctr("content", "rm", digest);
    await assert.rejects(ctr("content", "get", digest), /not found/);
  });

  it("edits content, pushes a single manifest, and removes references", async () => {
    const digest = await manifest();
    const editor = host.programs.path("editor.sh");
    await writeFile(editor, `#!/bin/sh\necho >> "$1"\n`, { mode: 0o755 });
    const edited = await ctr("content", "edit", "--editor", editor, digest);
    assert.equal(await ctr("content", "get", edited), await ctr("content", "get", digest));
    assert.notEqual(edited, digest);
    await ctr(
      "content",
      "push-object",
      "--plain-http",
      host.image.replace("busybox:latest", "busybox:object"),
      digest,
    );
    const layer = 'labels."containerd.io/gc.ref.content.l.0"';
    assert.equal(await ctr("content", "ls", "-q", layer), digest);
    await ctr("content", "prune", "references");
    assert.equal(await ctr("content", "ls", "-q", layer), "");
    await ctr("images", "pull", host.image);
    assert.equal(await ctr("content", "ls", "-q", layer), digest);
  });

  it("fetches content from a registry without creating an image", async () => {
    const digest = await manifest();
    await ctr("images", "rm", "--sync", host.image);
    assert.equal(await ctr("content", "ls", "-q"), "");
    assert.equal(
      JSON.parse(await ctr("content", "fetch-object", "--plain-http", host.image, digest)).schemaVersion,
      2,
    );
    await ctr("content", "fetch", host.image);
    assert.ok((await ctr("content", "ls", "-q")).includes(digest));
    await ctr("images", "pull", host.image);
  });

  it("prepares, mounts, commits, views and removes snapshots, and shows their difference", async () => {
    const parent = /^(sha256:\w+) +Committed/m.exec(await ctr("snapshots", "ls"))?.[1] ?? "";
    await ctr("snapshots", "prepare", "active", parent);
    const place = host.programs.path("snapshot");
    await mkdir(place);
    await promisify(execFile)("sh", ["-c", await ctr("snapshots", "mounts", place, "active")]);
    await writeFile(`${place}/new`, "new");
    await promisify(execFile)("umount", [place]);
    const difference = `"$0" "$@" snapshots diff --keep active | gzip -d | tar -t`;
    const ctrCommand = [clientProgram("ctr"), ...host.programs.ctrArguments];
    const { stdout } = await promisify(execFile)("sh", ["-c", difference, ...ctrCommand]);
    assert.match(stdout, /^new$/m);
    await ctr("snapshots", "commit", "committed", "active");
    assert.match(await ctr("snapshots", "usage", "committed"), /KiB/);
    await ctr("snapshots", "view", "viewed", "committed");
    assert.match(await ctr("snapshots", "tree"), /committed\n.*viewed/);
    assert.deepEqual(JSON.parse(await ctr("snapshots", "info", "viewed")).Parent, "committed");
    await ctr("snapshots", "rm", "viewed", "committed");
    assert.doesNotMatch(await ctr("snapshots", "ls"), /viewed|committed/);
  });

  it("creates leases that expire, and removes them", async () => {
    assert.equal(await ctr("leases", "create", "--id", "mine", "--expires", "1h", "color=red"), "mine");
    assert.match(await ctr("leases", "ls"), /^mine .*color=red.*containerd\.io\/gc\.expire=/m);
    await ctr("leases", "rm", "--sync", "mine");
    assert.equal(await ctr("leases", "ls", "-q"), "");
  });

  it("creates, labels, lists and removes namespaces, which see nothing of each other", async () => {
    await ctr("namespaces", "create", "fresh", "color=red");
    await ctr("namespaces", "label", "fresh", "size=small");
    assert.match(await ctr("namespaces", "ls"), /^fresh +(color=red,size=small|size=small,color=red)/m);
    assert.equal(await ctr("--namespace", "fresh", "images", "ls", "-q"), "");
    await ctr("namespaces", "rm", "fresh");
    assert.doesNotMatch(await ctr("namespaces", "ls"), /fresh/);
  });

  it("shows plugins, versions and the daemon's information", async () => {
    const plugins = await ctr("plugins", "ls");
    for (const plugin of [
      "snapshotter.v1 +overlayfs",
      "content.v1 +content",
      "runtime.v2 +task",
      "grpc.v1 +tasks",
    ])
      assert.match(plugins, new RegExp(`${plugin} .*ok`));
    assert.match(await ctr("version"), /Server:\n +Version: +v2\.4\.2\+berth/);
    assert.equal(JSON.parse(await ctr("info")).server.pid, host.berth.pid);
    assert.equal(await ctr("deprecations", "list"), "");
  });

  it("installs an image's programs only in a given directory: there is no default one", async () => {
    const place = host.programs.path("installed");
    await mkdir(place);
    await ctr("install", "--path", place, host.image);
    assert.ok((await stat(join(place, "bin", "busybox"))).isFile());
    await assert.rejects(ctr("install", host.image), /opt service not enabled/);
  });

  it("keeps records of sandboxes; as in containerd, the runc runtime does not run sandboxes", async () => {
    const config = host.programs.path("sandbox.json");
    await writeFile(config, JSON.stringify({ ociVersion: "1.1.0", root: { path: "/" }, linux: {} }));
    await assert.rejects(ctr("sandboxes", "run", config, "boxed"), /not implemented|Unimplemented/i);
    assert.match(await ctr("sandboxes", "ls"), /^boxed +.* io\.containerd\.runc\.v2/m);
    assert.equal(JSON.parse(await ctr("sandboxes", "info", "boxed")).ID, "boxed");
    await ctr("sandboxes", "rm", "boxed");
    assert.doesNotMatch(await ctr("sandboxes", "ls"), /boxed/);
  });

  it("labels and unpacks snapshots, and shows the specification that a container would get", async () => {
    await ctr("snapshots", "prepare", "labelled");
    await ctr("snapshots", "label", "labelled", "mine=1");
    assert.equal(JSON.parse(await ctr("snapshots", "info", "labelled")).Labels.mine, "1");
    await ctr("snapshots", "rm", "labelled");
    const spec = JSON.parse(await ctr("oci", "spec"));
    assert.ok(spec.linux.namespaces.length > 0);
  });
});
