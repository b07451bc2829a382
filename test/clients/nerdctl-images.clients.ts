/** Pulls, loads, tags, saves, pushes and builds images with an unmodified nerdctl. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { TestBuildkit } from "../support/buildkit.ts";
import { withClients } from "../support/with-clients.ts";

describe("nerdctl images", () => {
  const host = withClients();
  const nerdctl = (...args: readonly string[]) => host.programs.nerdctl(...args);

  before(() => nerdctl("pull", host.image));

  it("lists and inspects images", async () => {
    assert.match(await nerdctl("images"), /busybox +latest +\w{12} .*linux\/amd64 +[\d.]+MB/);
    const [image] = JSON.parse(await nerdctl("image", "inspect", host.image));
    assert.deepEqual([image.RepoTags, image.Config.Cmd, image.Os], [[host.image], ["/bin/sh"], "linux"]);
  });

  it("tags, pushes, removes and pulls an image", async () => {
    const name = `${host.registry.host}/tagged:2`;
    await nerdctl("tag", host.image, name);
    await nerdctl("push", name);
    await nerdctl("rmi", name);
    assert.doesNotMatch(await nerdctl("images"), /tagged/);
    await nerdctl("pull", name);
    assert.equal(await nerdctl("run", "--rm", name, "echo", "pulled"), "pulled");
    await nerdctl("rmi", name);
  });

  it("saves and loads an image", async () => {
    const archive = host.programs.path("saved.tar");
    await nerdctl("save", "-o", archive, host.image);
    await nerdctl("rmi", host.image);
    assert.equal(await nerdctl("images", "-q"), "");
    assert.match(await nerdctl("load", "-i", archive), new RegExp(`Loaded image: ${host.image}`));
    assert.equal(await nerdctl("run", "--rm", host.image, "echo", "loaded"), "loaded");
  });

  it("saves several images into one archive and loads them", async () => {
    const names = ["example.test/one:1", "example.test/two:2"];
    for (const name of names) await nerdctl("tag", host.image, name);
    const archive = host.programs.path("several.tar");
    await nerdctl("save", "-o", archive, ...names);
    await nerdctl("rmi", ...names);
    const said = await nerdctl("load", "-i", archive);
    for (const name of names) {
      assert.ok(said.includes(`Loaded image: ${name}`), name);
      assert.equal(await nerdctl("run", "--rm", name, "echo", "loaded"), "loaded");
    }
    await nerdctl("rmi", "-f", ...names);
  });

  it("builds an image with buildkitd, and runs it", async () => {
    const { berth, namespace } = host.programs;
    await using buildkit = await TestBuildkit.start(berth.socket, namespace);
    const context = host.programs.path("context");
    await mkdir(context);
    await writeFile(
      `${context}/Dockerfile`,
      `FROM ${host.image}\nRUN echo built > /built\nCMD ["cat", "/built"]\n`,
    );
    await nerdctl("build", "--buildkit-host", buildkit.address, "-t", "example.test/built:1", context);
    assert.equal(await nerdctl("run", "--rm", "example.test/built:1"), "built");
    await nerdctl("rmi", "example.test/built:1");
  });

  it("removes unused images", async () => {
    await nerdctl("tag", host.image, "example.test/unused:1");
    await nerdctl("run", "-d", "--name", "user", host.image, "sleep", "1000");
    await nerdctl("image", "prune", "--all", "--force");
    assert.equal(await nerdctl("images", "--format", "{{.Repository}}:{{.Tag}}"), host.image);
    await nerdctl("rm", "-f", "user");
  });
});
