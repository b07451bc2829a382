import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { ContainerState } from "../src/ground/protocol/index.ts";
import { counting } from "./support/checkpoints.ts";
import { cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { containerStatus } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const { CONTAINER_EXITED } = ContainerState;

describe("images of files, and files of images", () => {
  const host = withBerth();
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const inNew = (image: string, ...command: readonly string[]) =>
    output("run", "--log-dir", host.berth.logDir, "--rm", "--pull", "never", image, ...command);
  const start = (name: string, script: string) =>
    output("run", "--log-dir", host.berth.logDir, "-d", "--name", name, host.image, "sh", "-c", script);

  it("commits a running container, which continues, and runs the image", async () => {
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
    // Runtimes create these only as mount points.
    const mountPoints = changes.filter((change) => /^A \/(proc|sys|dev|etc\/[a-z.]+)$/.test(change));
    assert.deepEqual(mountPoints, []);
    await output("rm", "-f", "worker");
    await output("push", "-q", id, `${host.registry.host}/made:1`);
    await run("skopeo", ["inspect", "--tls-verify=false", `docker://${host.registry.host}/made:1`]);
  });

  const ingests = () => readdir(join(host.berth.root, "content/ingest/k8s.io")).catch(() => []);

  /** Starts a commit of a container that counts, which would take very long. */
  const commitLarge = async (name: string) => {
    // Uses no blocks, but is in the layer with its full size.
    await start(name, `truncate -s 500G /large; ${counting}`);
    const lines = async () => (await output("logs", name)).split("\n").length;
    await eventually("the container to count", async () => (await lines()) > 2);
    const committed = output("commit", name, `example.test/${name}:1`).catch(String);
    await eventually("the commit to write", async () => (await ingests()).length > 0);
    return { committed, lines };
  };

  it("ends a commit that would delay a stop", async () => {
    const { committed } = await commitLarge("large");
    await output("stop", "-t", "0", "large");
    assert.match(await committed, /was stopped while it was being read/);
    await output("rm", "large");
    assert.deepEqual(await ingests(), []);
  });

  it("does not end a commit when an exited container is stopped, but when it is removed", async () => {
    const containerId = await start("ended", "truncate -s 500G /large");
    const { runtime } = host.berth.clients;
    const exited = async () => (await containerStatus(host.berth, containerId)).state === CONTAINER_EXITED;
    await eventually("the container to end", exited);
    const committed = output("commit", "ended", "example.test/ended:1").catch(String);
    await eventually("the commit to write", async () => (await ingests()).length > 0);
    await runtime.stopContainer({ containerId, timeout: 0n });
    assert.notDeepEqual(await ingests(), []);
    await runtime.removeContainer({ containerId });
    assert.match(await committed, /was stopped while it was being read/);
    assert.deepEqual(await ingests(), []);
  });

  it("lets a container continue after the daemon was killed during its commit", async () => {
    const { committed, lines } = await commitLarge("cut");
    await host.berth.restartDaemon("SIGKILL");
    await committed;
    const before = await lines();
    await eventually("the container to count on", async () => (await lines()) > before);
    const left = () => readdir(join(host.berth.root, "checkpoints"));
    await eventually("nothing is to be taken back any more", async () => (await left()).length === 0);
    await output("rm", "-f", "cut");
  });

  it("exports a container, and imports the archive", async () => {
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

  it("mounts an image until it is unmounted, even across a restart", async () => {
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
