import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { counting, manyToDump } from "./support/checkpoints.ts";
import { cli, cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { checkpointing } from "./support/criu.ts";
import { withBerth } from "./support/with-berth.ts";

const options = await checkpointing();

describe("the command line", () => {
  const host = withBerth(options);
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const at = (name: string) => join(host.berth.directory, name);
  const start = (name: string) =>
    output("run", "--log-dir", host.berth.logDir, "-d", "--name", name, host.image, "sh", "-c", counting);
  const saysMoreThan = (container: string, least: number) =>
    eventually(`${container} has counted on`, async () => {
      const lines = (await output("logs", container)).split("\n").filter((line) => line !== "");
      return lines.length > least && lines.every((line, index) => Number(line) === index + 1) && lines.length;
    });

  it("checkpoints a container and runs another one from it", async () => {
    await start("counts");
    const said = await saysMoreThan("counts", 3);
    assert.equal(
      await output("checkpoint", "--type", "container", "counts", "--export", at("counts.tar")),
      "",
    );
    await saysMoreThan("counts", said);
    const log = ["--log-dir", host.berth.logDir];
    await output("run", ...log, "-d", "--name", "copy", at("counts.tar"));
    await saysMoreThan("copy", said + 3);
    const { status, stderr } = await cli(host.berth, "checkpoint", "--type", "container", "counts");
    assert.equal(status, 2);
    assert.match(stderr, /--export/);
  });

  it("checkpoints a pod and restores another pod from it", async () => {
    await start("whole");
    const said = await saysMoreThan("whole", 3);
    await output("checkpoint", "--type", "pod", "whole", "-e", at("whole"));
    const log = ["--log-dir", host.berth.logDir];
    const podId = await output("restore", ...log, "--name", "whole-copy", at("whole"));
    assert.match(podId, /^[0-9a-f]{64}$/);
    await saysMoreThan("whole-copy", said + 3);
    await mkdir(at("full"));
    await writeFile(join(at("full"), "file"), "");
    const full = await cli(host.berth, "checkpoint", "--type", "pod", "whole", "-e", at("full"));
    assert.deepEqual([full.status, /not an empty directory/.test(full.stderr)], [2, true]);
    const missing = await cli(host.berth, "restore", at("missing"));
    assert.deepEqual([missing.status, missing.stderr], [3, `berth: ${at("missing")} not found\n`]);
    const none = await cli(host.berth, "restore", at("full"));
    assert.deepEqual([none.status, /not the checkpoint of a pod/.test(none.stderr)], [2, true]);
  });

  it("interrupted while criu works leaves nothing of the checkpoint, and the container continues", async () => {
    const log = ["--log-dir", host.berth.logDir];
    const script = `${manyToDump}; ${counting}`;
    const id = await output("run", ...log, "-d", "--name", "large", host.image, "sh", "-c", script);
    await eventually("it counts", async () => /^3$/m.test(await output("logs", "large")));
    const interrupt = new AbortController();
    const argv = ["checkpoint", "--type", "container", "large", "--export", at("large.tar")];
    const { outcome } = startCli(host.berth, argv, { signal: interrupt.signal });
    const criuLog = join(host.berth.root, "checkpoints", `dump-${id}`, "criu", id, "dump.log");
    await eventually("criu is at work", async () => (await readFile(criuLog, "utf8").catch(() => "")) !== "");
    interrupt.abort();
    assert.equal((await outcome).status, 130);
    await eventually("nothing is left", async () => {
      const names = await readdir(join(host.berth.root, "checkpoints"));
      return names.length === 0;
    });
    assert.ok(!(await readdir(host.berth.directory)).some((name) => name.includes("large.tar")));
    const said = (await output("logs", "large")).split("\n").length;
    await eventually("it goes on", async () => (await output("logs", "large")).split("\n").length > said + 2);
    await output("checkpoint", "--type", "container", "large", "--export", at("large.tar"));
  });

  it("shows in info which criu is used for checkpoints", async () => {
    const info: { readonly criu?: unknown } = JSON.parse(await output("info", "-o", "json"));
    assert.match(JSON.stringify(info), /"criu/);
  });
});
