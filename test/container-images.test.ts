import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);

describe("images of files, and files of images", () => {
  const host = withBerth();
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const inNew = (image: string, ...command: readonly string[]) =>
    output("run", "--log-dir", host.berth.logDir, "--rm", "--pull", "never", image, ...command);
  const start = (name: string, script: string) =>
    output("run", "--log-dir", host.berth.logDir, "-d", "--name", name, host.image, "sh", "-c", script);

  it("commits a running container, which goes on, and runs the image", async () => {
    await start("worker", "echo made > /made; rm /bin/ash; while :; do date +%s%N > /tick; sleep 0.05; done");
    const tick = () => output("exec", "worker", "cat", "/tick");
    await eventually("the container to write", async () => (await tick().catch(() => "")) !== "");
    const options = ["-c", 'CMD ["cat", "/made"]', "-m", "with a file"];
    const id = await output("commit", ...options, "worker", "example.test/made:1");
    const before = await tick();
    await eventually("the container to go on", async () => (await tick()) !== before);
    assert.equal(await inNew("example.test/made:1"), "made");
    assert.match(await output("image", "history", "example.test/made:1"), /with a file/);
    const changes = (await output("image", "diff", "example.test/made:1", host.image)).split("\n");
    for (const change of ["A /made", "D /bin/ash"]) assert.ok(changes.includes(change), change);
    // What runtimes make only to mount on it.
    const mountPoints = changes.filter((change) => /^A \/(proc|sys|dev|etc\/[a-z.]+)$/.test(change));
    assert.deepEqual(mountPoints, []);
    await output("rm", "-f", "worker");
    await output("push", "-q", id, `${host.registry.host}/made:1`);
    await run("skopeo", ["inspect", "--tls-verify=false", `docker://${host.registry.host}/made:1`]);
  });

  it("ends a commit that would keep a stop waiting", async () => {
    // Without blocks of its own, but all of it is in the layer.
    await start("large", "truncate -s 500G /large; echo 1 > /done; exec sleep 1000");
    const done = () => output("exec", "large", "cat", "/done").catch(() => "");
    await eventually("the container to write", async () => (await done()) !== "");
    const committed = assert.rejects(
      output("commit", "large", "example.test/large:1"),
      /was stopped while it was being read/,
    );
    const ingests = () => readdir(join(host.berth.root, "content/ingest/k8s.io")).catch(() => []);
    await eventually("the commit to write", async () => (await ingests()).length > 0);
    await output("stop", "-t", "0", "large");
    await committed;
    await output("rm", "large");
    assert.deepEqual(await ingests(), []);
  });

  it("exports a container, and imports what it wrote", async () => {
    await start("exported", "echo exported > /file; exec sleep 1000");
    const archive = join(host.berth.directory, "files.tar");
    await eventually("the container to write", async () => {
      await output("export", "-o", archive, "exported");
      const file = await run("tar", ["-xOf", archive, "file"]).catch(() => undefined);
      return file?.stdout === "exported\n";
    });
    const { outcome } = startCli(host.berth, ["import", "-c", "ENV A=1", "-", "example.test/flat:1"], {
      stdin: await readFile(archive),
    });
    const { stdout } = await outcome;
    assert.equal(await output("images", "-q", "example.test/flat:1"), stdout.trim());
    assert.equal(await inNew("example.test/flat:1", "sh", "-c", "cat /file; echo $A"), "exported\n1");
    await output("rm", "-f", "exported");
  });

  it("mounts an image for as long as it is wanted, also over a restart", async () => {
    const directory = join(host.berth.directory, "mounted");
    await mkdir(directory);
    assert.equal(await output("image", "mount", host.image, directory), directory);
    await host.berth.restartDaemon();
    try {
      assert.match(await output("image", "mount"), /mounted/);
      assert.ok((await readdir(directory)).includes("bin"));
    } finally {
      await output("image", "umount", directory);
    }
    assert.deepEqual(await readdir(directory), []);
  });
});
