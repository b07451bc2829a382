/** Pulls, imports, tags, lists, exports and pushes images with an unmodified ctr. */
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { imageOf, indexOf } from "../../src/testing/images.ts";
import { pushImage } from "../../src/testing/registry.ts";
import { exportWhole } from "../support/whole-archive.ts";
import { withClients } from "../support/with-clients.ts";

describe("ctr images", () => {
  const host = withClients();
  const ctr = (...args: readonly string[]) => host.programs.ctr(...args);
  const names = async () => (await ctr("images", "ls", "-q")).split("\n");

  before(() => ctr("images", "pull", host.image));

  it("pulls with the transfer service and without it", async () => {
    const { image } = host;
    assert.match(await ctr("images", "ls"), new RegExp(`^${image} .*sha256:.*linux/amd64`, "m"));
    await ctr("images", "rm", image);
    assert.equal((await names()).includes(image), false);
    await ctr("images", "pull", "--local", image);
    assert.match(await ctr("images", "check"), new RegExp(`^${image} .*complete \\(2/2\\).*true$`, "m"));
  });

  it("shows the requests to a registry on demand", async () => {
    const { stdout, stderr } = await host.programs.say("ctr", [
      ...["images", "pull", "--plain-http", "--http-dump", host.image],
    ]);
    assert.match(stdout + stderr, /GET http:\S+\/manifests\/latest HTTP\/1.1/);
  });

  it("pushes the images of several platforms", async () => {
    const platforms = ["amd64", "arm64"].map((architecture) => ({ os: "linux", architecture }));
    const images = platforms.map(async (platform) => [await imageOf({ platform }), platform] as const);
    await pushImage(host.registry, "several", "1", indexOf(await Promise.all(images)));
    const name = `${host.registry.host}/several:1`;
    await ctr("images", "pull", "--plain-http", "--all-platforms", name);
    const wanted = platforms.flatMap(({ architecture }) => ["--platform", `linux/${architecture}`]);
    await ctr("images", "push", "--plain-http", ...wanted, `${host.registry.host}/several:2`, name);
    await ctr("images", "pull", "--plain-http", "--all-platforms", `${host.registry.host}/several:2`);
    await ctr("images", "rm", name, `${host.registry.host}/several:2`);
  });

  it("adds names and labels to an image, and removes them", async () => {
    await ctr("images", "tag", host.image, "example.test/second:1");
    assert.ok((await names()).includes("example.test/second:1"));
    await ctr("images", "label", "example.test/second:1", "color=red");
    assert.match(await ctr("images", "ls", "labels.color==red"), /^example\.test\/second:1 /m);
    await ctr("images", "rm", "--sync", "example.test/second:1");
    assert.deepEqual(await names(), [host.image]);
  });

  for (const way of [[], ["--local"]]) {
    const how = way.length === 0 ? "by the transfer service" : "without it";

    it(`pushes ${how}`, async () => {
      const name = `${host.registry.host}/pushed:${way.length}`;
      await ctr("images", "push", ...way, "--plain-http", name, host.image);
      await ctr("images", "pull", name);
      const list = await ctr("images", "ls", `name==${name}`);
      const [digest = ""] = /sha256:\w+/.exec(list) ?? [];
      assert.ok((await ctr("images", "ls", `name==${host.image}`)).includes(digest));
      await ctr("images", "rm", name);
    });

    it(`exports an image and imports it again ${how}`, async () => {
      const archive = host.programs.path(`export-${way.length}.tar`);
      await exportWhole(archive, (path) => ctr("images", "export", ...way, path, host.image));
      await ctr("images", "rm", "--sync", host.image);
      await ctr("images", "import", ...way, archive);
      assert.deepEqual(await names(), [host.image]);
      assert.equal(await ctr("run", "--rm", host.image, "imported", "echo", "imported"), "imported");
      // Doing it again changes nothing, and leaves nothing behind.
      await ctr("images", "import", ...way, archive);
      assert.equal(await ctr("content", "active"), "REF\tSIZE\tAGE");
    });
  }

  for (const way of [[], ["--local"]]) {
    const how = way.length === 0 ? "by the transfer service" : "without it";

    it(`imports an archive's index as an image of its own ${how}`, async () => {
      const [archive, index] = [host.programs.path(`index-${way.length}.tar`), "example.test/index:1"];
      await exportWhole(archive, (path) => ctr("images", "export", path, host.image));
      await ctr("images", "import", ...way, "--index-name", index, archive);
      assert.deepEqual((await names()).sort(), [host.image, index].sort());
      assert.match(
        await ctr("images", "ls", `name==${index}`),
        /application\/vnd\.oci\.image\.index\.v1\+json +sha256:/,
      );
      await ctr("images", "rm", "--sync", host.image);
      assert.match(await ctr("images", "check", `name==${index}`), /complete.*true$/m);
      assert.equal(await ctr("run", "--rm", index, "indexed", "echo", "indexed"), "indexed");
      await ctr("images", "import", ...way, archive);
      await ctr("images", "rm", "--sync", index);
    });
  }

  it("mounts an image, read-only and writable", async () => {
    const place = host.programs.path("mounted");
    await mkdir(place);
    for (const mode of [[], ["--rw"]]) {
      await ctr("images", "mount", ...mode, host.image, place);
      assert.ok((await readdir(place)).includes("bin"));
      const written = writeFile(`${place}/new`, "new");
      if (mode.length === 0) await assert.rejects(written, { code: "EROFS" });
      else await written;
      await ctr("images", "unmount", "--rm", place);
      assert.deepEqual(await readdir(place), []);
    }
    assert.doesNotMatch(await ctr("snapshots", "ls"), /View|Active/);
  });

  it("shows an image's parts, and how much disk space it takes", async () => {
    const shown = await ctr("images", "inspect", host.image);
    for (const part of ["image.manifest.v1+json", "image.config.v1+json", "image.layer.v1.tar+gzip"])
      assert.ok(shown.includes(part), part);
    assert.match(await ctr("images", "usage", host.image), /MiB/);
  });

  it("converts an image to uncompressed layers, and it runs", async () => {
    await ctr("images", "convert", "--uncompress", host.image, "example.test/plain:1");
    assert.match(await ctr("images", "inspect", "example.test/plain:1"), /layer\.v1\.tar @/);
    assert.equal(await ctr("run", "--rm", "example.test/plain:1", "plain", "echo", "plain"), "plain");
    await ctr("images", "rm", "example.test/plain:1");
  });

  it("removes images that no container uses", async () => {
    await ctr("images", "prune", "--all");
    assert.deepEqual(await names(), [""]);
    await ctr("images", "pull", host.image);
  });
});
