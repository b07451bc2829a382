import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { promisify } from "node:util";
import { status as grpcStatus } from "@grpc/grpc-js";
import { taskLimit } from "../src/testing/task-limit.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);

const descriptors = (pid: number) => readdir(`/proc/${pid}/fd`);

/** The error of a call, if the machine has no resources for it; undefined if it succeeds. */
async function refusal(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const { code, details } = error as { readonly code: number; readonly details: string };
    assert.equal(code, grpcStatus.RESOURCE_EXHAUSTED, details);
    return details;
  }
}

describe("a daemon", () => {
  // Its networks are made by programs: with built-in plugins, a pod is created and stopped without a process.
  const host = withBerth({ builtinPlugins: false });

  /** A pod with a container in which a command was run. */
  async function usedPod(name: string) {
    const pod = await TestPod.run(host.berth, name);
    const id = await pod.shell("main", host.image, "exec sleep 1000");
    await execSync(host.berth, id, "true");
    return { pod, id };
  }

  /** Descriptors of threads count, too: those for the first removal must exist before anything is counted. */
  before(async () => {
    const { pod } = await usedPod("first");
    await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  async function assertNothingLeft(openBefore: number): Promise<void> {
    const { berth } = host;
    const { runtime } = berth.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    for (const { id: podSandboxId } of items) await runtime.removePodSandbox({ podSandboxId });
    const isClosed = async () => (await descriptors(berth.pid)).length <= openBefore;
    await eventually("no descriptor is left open", isClosed, { limitMs: 120_000 });
    assert.doesNotMatch(await berth.daemonLog(), /this is a bug in berth/);
  }

  it("that cannot start a process reports that, leaves nothing behind, and continues when it can", async () => {
    const { berth, image } = host;
    const { runtime } = berth.clients;
    const { pod, id } = await usedPod("before");
    const second = await pod.create(shellConfig("second", image, "exit 7"));
    const open = (await descriptors(berth.pid)).length;
    {
      await using limit = await taskLimit(berth.pid);
      // Even if an idle thread ends just then.
      await limit.allow(-10);
      const calls = [
        runtime.runPodSandbox({ config: podConfig("refused"), runtimeHandler: "" }),
        runtime.execSync({ containerId: id, cmd: ["true"], timeout: 0n }),
        runtime.startContainer({ containerId: second }),
        runtime.stopPodSandbox({ podSandboxId: pod.id }),
      ];
      for (const message of await Promise.all(calls.map(refusal)))
        assert.match(message ?? "no error", /TasksMax/);
      await limit.allow(1000);
      await assertNothingLeft(open);
    }
    await usedPod("after");
  });

  it("that has no descriptor left reports that, takes nothing for damaged, and continues when it has some", async () => {
    const { berth } = host;
    const { runtime } = berth.clients;
    const { pod, id } = await usedPod("few");
    const limits = await readFile(`/proc/${berth.pid}/limits`, "utf8");
    const [, usual = ""] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    const allow = (limit: number | string) =>
      run("prlimit", ["--pid", String(berth.pid), `--nofile=${limit}:`]);
    // A thread that ends just then frees some.
    const refused = async () => {
      const open = (await descriptors(berth.pid)).map(Number);
      const free = Array.from({ length: open.length + 1 }, (_, number) => number);
      try {
        await allow(Math.min(...free.filter((number) => !open.includes(number))));
        await runtime.listPodSandboxMetrics({}).catch(() => undefined);
        return await refusal(runtime.execSync({ containerId: id, cmd: ["true"], timeout: 0n }));
      } finally {
        await allow(usual);
      }
    };
    assert.match(await eventually("a command is refused", refused), /EMFILE/);
    await execSync(berth, id, "true");
    const { podMetrics } = await runtime.listPodSandboxMetrics({});
    assert.ok(podMetrics.some(({ podSandboxId }) => podSandboxId === pod.id));
  });
});
