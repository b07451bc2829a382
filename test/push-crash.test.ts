import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { startFakeRegistry } from "../src/testing/fake-registry.ts";
import { takesPushes } from "../src/testing/fake-uploads.ts";
import { imageOf } from "../src/testing/images.ts";
import { pushImage, startRegistry } from "../src/testing/registry.ts";
import { cli, cliOutput } from "./support/cli.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";

const run = promisify(execFile);

describe("a daemon that is killed in the middle of a push", () => {
  it("still has its content, and the push can be repeated, also by tag", async () => {
    const image = await imageOf();
    await using source = await startRegistry();
    await pushImage(source, "app", "v1", image);
    const stalled = Promise.withResolvers<void>();
    const uploads = takesPushes(({ method }) => {
      if (method !== "PUT") return false;
      stalled.resolve();
      return true;
    });
    await using stalls = await startFakeRegistry({}, uploads.answer);
    await using host = await CrashingBerth.start({ built: true });
    const { berth } = host;
    const reference = `${source.host}/app:v1`;
    await berth.pull(reference);
    const listed = async () => (await berth.clients.images.listImages({ filter: undefined })).images;
    const before = await listed();
    const pushing = cli(berth, "push", reference, `${stalls.host}/app:v1`);
    await Promise.race([
      stalled.promise,
      pushing.then(({ stderr }) => assert.fail(`push ended before it sent anything: ${stderr}`)),
    ]);
    await berth.stopDaemon("SIGKILL");
    assert.notEqual((await pushing).status, 0);
    assert.equal(uploads.manifests.size, 0);

    await berth.startDaemon();
    assert.deepEqual(await listed(), before);
    const tag = `${source.host}/copy:v2`;
    assert.equal(await cliOutput(berth, "tag", reference, tag), tag);
    const pushed = await cliOutput(berth, "push", "--quiet", tag);
    assert.equal(pushed, `${tag}@${image.target.digest}`);
    const { stdout } = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${tag}`]);
    assert.equal(`sha256:${createHash("sha256").update(stdout).digest("hex")}`, image.target.digest);
  });
});
