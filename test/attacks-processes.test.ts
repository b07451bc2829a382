import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { ContainerState, NamespaceMode } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { processesOf } from "./support/container-cgroup.ts";
import { perlLayer } from "./support/perl.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

/** Resident memory of a process in MiB. */
async function memoryOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

describe("a container that will not end", () => {
  const host = withBerth();

  let perlImage = "";
  before(async () => {
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers: [await perlLayer()] }));
    perlImage = `${host.registry.host}/perl:latest`;
    await host.berth.pull(perlImage);
  });

  it("by endless output of a command uses no memory for it, and ends at its timeout", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "output");
    const containerId = await pod.shell("shell", host.image, "exec sleep 1000");
    const cmd = ["sh", "-c", "yes out & exec yes err >&2"];
    const before = await memoryOf(berth.pid);
    let ended = false;
    const exec = berth.clients.runtime.execSync({ containerId, cmd, timeout: 3n }).finally(() => {
      ended = true;
    });
    exec.catch(() => undefined);
    let most = 0;
    await eventually("the command is over", async () => {
      most = Math.max(most, await memoryOf(berth.pid));
      return ended;
    });
    await assert.rejects(exec, /DEADLINE_EXCEEDED/);
    // Two streams of 16 MiB, a few times over while they are joined and encoded; without a limit, it would be
    // gigabytes.
    assert.ok(most - before < 256, `the daemon grew from ${before} to ${most} MiB`);
    assert.doesNotMatch(await execSync(berth, containerId, "ps"), / yes (out|err)/);
  });

  it("by too much output of a command gets the first 16 MiB back", async () => {
    const pod = await TestPod.run(host.berth, "long-output");
    const containerId = await pod.shell("shell", host.image, "exec sleep 1000");
    const cmd = ["sh", "-c", "head -c 40000000 /dev/zero; echo end >&2"];
    const answer = await host.berth.clients.runtime.execSync({ containerId, cmd, timeout: 60n });
    assert.equal(answer.stdout.length, 16 * 1024 * 1024);
    assert.deepEqual([answer.stderr.toString(), answer.exitCode], ["end\n", 0]);
  });

  const slowly = { limitMs: 120_000 };
  const shared = { POD: NamespaceMode.POD, CONTAINER: NamespaceMode.CONTAINER, NODE: NamespaceMode.NODE };
  for (const [name, pid] of Object.entries(shared)) {
    it(`by processes that fork and exit faster than they are found is killed with them, in the PID namespace ${name}`, async () => {
      const { runtime } = host.berth.clients;
      const linux = { securityContext: { namespaceOptions: { pid } } };
      const pod = await TestPod.run(host.berth, `forks-${name.toLowerCase()}`, { linux });
      const id = await pod.shell("forks", perlImage, "", {
        command: ["/usr/bin/perl", "-e", forks],
        // Limited to one processor, since other tests need one too.
        linux: { ...linux, resources: { cpuPeriod: 100_000n, cpuQuota: 100_000n } },
      });
      await eventually("its processes fork", async () => (await processesOf(id)).length > 4, slowly);
      await runtime.stopContainer({ containerId: id, timeout: 1n });
      assert.equal((await containerStatus(host.berth, id)).state, ContainerState.CONTAINER_EXITED);
      await eventually(
        "all its processes are gone",
        async () => (await processesOf(id)).length === 0,
        slowly,
      );
      await runtime.removePodSandbox({ podSandboxId: pod.id });
    });
  }

  it("by its commands' processes, which ignore signals and have their own sessions, is killed with them at its removal", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "deaf", {
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.NODE } } },
    });
    const linux = { securityContext: { namespaceOptions: { pid: NamespaceMode.NODE } } };
    const id = await pod.shell("main", host.image, "trap '' TERM; while true; do sleep 1; done", { linux });
    const deaf = "trap '' TERM HUP INT; while true; do sleep 1; done";
    await execSync(host.berth, id, "sh", "-c", `setsid sh -c "${deaf}" > /dev/null 2>&1 &`);
    await eventually("it runs", async () => (await processesOf(id)).length >= 2);
    await runtime.removeContainer({ containerId: id });
    await eventually("all its processes are gone", async () => (await processesOf(id)).length === 0);
  });
});

/** Eight chains of processes, each of which starts the next one and exits, all ignoring signals. */
const forks = `
$SIG{$_} = "IGNORE" for "TERM", "INT", "HUP", "CHLD";
for (1 .. 8) {
  next if fork;
  while (1) { exit if fork }
}
sleep 1000 while 1;
`;
