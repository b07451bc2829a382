import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { ClientContainers } from "./support/client-containers.ts";
import { eventually } from "./support/condition.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { ExecProcessRequest } = containerd.tasksV1;

/** Waits until the file has the wanted contents. */
const reads = (path: string, wanted: string | RegExp) =>
  eventually(`${path} reads ${wanted}`, async () => {
    const found = await readFile(path, "utf8").catch(() => "");
    return typeof wanted === "string" ? found === wanted : wanted.test(found);
  });

describe("containerd's API of outputs to files and programs", () => {
  let own: ClientContainers;
  // Before the daemon ends, since hooks run in the order of their registration.
  after(() => own?.[Symbol.asyncDispose]());
  const host = withContainerd();
  before(async () => {
    own = await ClientContainers.open(host.clients, "loggers");
  });

  const shell = (id: string, script: string) => ({ id, args: ["/bin/sh", "-c", script] });
  const start = (containerId: string, execId = "") => own.api.tasks.start({ containerId, execId });
  const wait = (containerId: string, execId = "") => own.api.tasks.wait({ containerId, execId });
  const program = async (name: string, ...lines: readonly string[]) => {
    const path = join(own.directory, name);
    await writeFile(path, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
    return path;
  };
  /** Writes its environment and its input to files beside the path in its argument `to`. */
  const logger = (name = "logger") =>
    program(
      name,
      'to="$2"',
      'echo "$$ $* $CONTAINER_ID $CONTAINER_NAMESPACE" > "$to.told"',
      'cat <&3 >> "$to.out" & cat <&4 >> "$to.err" &',
      "printf r >&5; exec 5>&-",
      "wait",
      'echo ended >> "$to.told"',
    );
  const loggerUrl = async (to: string, more = "") =>
    `binary://${await logger()}?to=${encodeURIComponent(to)}${more}`;
  const exec = async (containerId: string, execId: string, script: string, streams: object) => {
    const value = { args: ["/bin/sh", "-c", script], cwd: "/", env: ["PATH=/bin"] };
    const spec = { typeUrl: "", value: Buffer.from(JSON.stringify(value)) };
    await own.api.tasks.exec(ExecProcessRequest.fromPartial({ containerId, execId, spec, ...streams }));
    await start(containerId, execId);
  };

  test("a client's program reads both outputs of a task, even while no daemon runs, and ends after it", async () => {
    const containerId = "logged";
    const to = join(own.directory, "log of one");
    const stdout = await loggerUrl(to, "&twice=1&twice=2&none");
    const script = "echo one; echo two >&2; while [ ! -e /go ]; do sleep 0.02; done; echo late; exit 3";
    const { pid } = await own.task(shell(containerId, script), { stdout, stderr: stdout });
    // It is ready before the task exists.
    const told = await readFile(`${to}.told`, "utf8");
    const [, ...words] = told.trim().split(" ");
    assert.equal(words.join(" "), `to ${to} twice 1 none  ${containerId} ${own.namespace}`);
    await start(containerId);
    await reads(`${to}.out`, "one\n");
    await reads(`${to}.err`, "two\n");
    await host.berth.stopDaemon("SIGKILL");
    await writeFile(`/proc/${pid}/root/go`, "");
    await reads(`${to}.out`, "one\nlate\n");
    await host.berth.startDaemon();
    assert.equal((await wait(containerId)).exitStatus, 3);
    const { process: shown } = await own.api.tasks.get({ containerId, execId: "" });
    assert.equal(shown?.stdout, stdout);
    await own.api.tasks.delete({ containerId });
    assert.match(await readFile(`${to}.told`, "utf8"), /ended\n$/);
  });

  test("a program that does not end with the outputs gets a signal when the task is deleted", async () => {
    const containerId = "stubborn";
    const to = join(own.directory, containerId);
    const path = await program(
      "stubborn-logger",
      `trap 'echo asked > ${to}; exit' TERM`,
      "exec 5>&-",
      "sleep 1000 & wait",
    );
    await own.task(shell(containerId, "exit 0"), { stdout: `binary://${path}` });
    await start(containerId);
    await wait(containerId);
    await own.api.tasks.delete({ containerId });
    assert.equal(await readFile(to, "utf8"), "asked\n");
  });

  test("a terminal's output goes to a client's program, which a restart of the daemon restarts, or to a file", async () => {
    const to = join(own.directory, "terminal");
    const script = "echo one; while [ ! -e /go ]; do sleep 0.02; done; tty; exit 4";
    const process = { terminal: true };
    const { pid } = await own.task(
      { ...shell("screen", script), process },
      { stdout: await loggerUrl(to), terminal: true },
    );
    await start("screen");
    await reads(`${to}.out`, "one\r\n");
    await host.berth.restartDaemon();
    await writeFile(`/proc/${pid}/root/go`, "");
    assert.equal((await wait("screen")).exitStatus, 4);
    await own.api.tasks.delete({ containerId: "screen" });
    assert.match(await readFile(`${to}.out`, "utf8"), /^one\r\n\/dev\/(?:pts\/0|console)\r\n$/);

    const file = join(own.directory, "terminal.log");
    await own.task({ ...shell("filed", "tty"), process }, { stdout: `file://${file}`, terminal: true });
    await start("filed");
    await wait("filed");
    await own.api.tasks.delete({ containerId: "filed" });
    assert.match(await readFile(file, "utf8"), /^\/dev\/(?:pts\/0|console)\r\n$/);
  });

  test("outputs of a command can go to a file or a program, too, with a terminal or without", async () => {
    const containerId = "commands";
    await own.task(shell(containerId, "exec sleep 1000"));
    await start(containerId);
    const script = "echo out; echo err >&2; exit 5";
    for (const terminal of [false, true]) {
      const file = join(own.directory, `exec-${terminal}.log`);
      const to = join(own.directory, `exec-${terminal}`);
      const asked = { file: { stdout: `file://${file}` }, program: { stdout: await loggerUrl(to) } };
      for (const [execId, streams] of Object.entries(asked)) {
        await exec(containerId, execId, script, { ...streams, terminal });
        assert.equal((await wait(containerId, execId)).exitStatus, 5);
        await own.api.tasks.deleteProcess({ containerId, execId });
      }
      const text = terminal ? "out\r\nerr\r\n" : "out\nerr\n";
      assert.equal(await readFile(file, "utf8"), text);
      assert.equal(await readFile(`${to}.out`, "utf8"), terminal ? text : "out\n");
      assert.equal(await readFile(`${to}.err`, "utf8"), terminal ? "" : "err\n");
      assert.match(await readFile(`${to}.told`, "utf8"), / program loggers-\d+\nended\n$/);
    }
    await own.api.tasks.kill({ containerId, execId: "", signal: 9, all: true });
  });

  test("a program that cannot log is rejected, and nothing is left of it", async () => {
    const mounts = await own.create(shell("refused", "exit 0"));
    const silent = await program("silent-logger", "exit 0");
    const plain = join(own.directory, "plain");
    await writeFile(plain, "no program", { mode: 0o644 });
    for (const [stdout, details] of [
      ["binary:///nosuch/program", /"\/nosuch\/program": it cannot be executed/],
      [`binary://${plain}`, /plain": it cannot be executed/],
      [`binary-v2://${silent}`, /without saying that it is ready/],
      ["binary://host/bin/cat", /has no absolute path/],
      ["tcp://host", /tcp: is not supported here/],
    ] as const)
      await assert.rejects(own.createTask({ containerId: "refused", rootfs: mounts, stdout }), {
        code: status.INVALID_ARGUMENT,
        details,
      });
    const to = join(own.directory, "failing");
    const bad = { ...shell("failing", ""), args: ["/nosuch"] };
    await assert.rejects(own.task(bad, { stdout: await loggerUrl(to) }));
    assert.match(await readFile(`${to}.told`, "utf8"), /ended\n$/);
    await own.createTask({ containerId: "refused", rootfs: mounts, stdout: `binary://${silent}` });
    await own.api.tasks.delete({ containerId: "refused" });
  });
});
