/**
 * Uses berth with a program that is built on containerd's client library, as many are
 * (test/clients/goclient).
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { clientProgram } from "../support/client-programs.ts";
import { eventually } from "../support/condition.ts";
import { checkpointing } from "../support/criu.ts";
import { withBerth } from "../support/with-berth.ts";

const namespace = "library";
const options = await checkpointing();

describe("a program with containerd's client library", () => {
  const host = withBerth(options);

  async function goclient(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(clientProgram("goclient"), [
      ...[host.berth.socket, namespace, ...args],
    ]);
    return stdout;
  }

  before(() => goclient("pull", host.image));

  it("runs a container to its end, and gets its output and exit status", async () => {
    const failing = ["run", "ends", host.image, "sh", "-c", "echo out; echo err >&2; exit 3"];
    await assert.rejects(goclient(...failing), { code: 3, stdout: "out\n", stderr: "err\n" });
    assert.equal(await goclient("run", "ends", host.image, "hostname"), "ends\n");
  });

  it("runs commands in a container", async () => {
    await goclient("start", "runs", host.image, "sleep", "1000");
    assert.equal(
      await goclient("exec", "runs", "sh", "-c", "echo $0 in $(cat /proc/1/comm)", "a"),
      "a in sleep\n",
    );
    await assert.rejects(goclient("exec", "runs", "sh", "-c", "exit 4"), { code: 4 });
    await goclient("remove", "runs");
  });

  it("checkpoints a container into an image, from which another one continues", async () => {
    const script = "mkdir /kept; i=0; while true; do i=$((i+1)); echo $i > /kept/count; sleep 0.05; done";
    await goclient("start", "counts", host.image, "sh", "-c", script);
    const count = async (id: string) => Number(await goclient("exec", id, "cat", "/kept/count"));
    await eventually("it has counted", async () => (await count("counts").catch(() => 0)) > 5);
    await goclient("checkpoint", "counts", "checkpoint:1");
    const before = await count("counts");
    await goclient("remove", "counts");
    await goclient("restore", "goes-on", "checkpoint:1");
    await eventually("it counts on", async () => (await count("goes-on")) > before);
    await goclient("remove", "goes-on");
  });

  it("pushes an image under another name, and pulls it by that name", async () => {
    const name = `${host.registry.host}/pushed:goclient`;
    await goclient("push", host.image, name);
    assert.equal(await goclient("pull", name), await goclient("pull", host.image));
  });
});
