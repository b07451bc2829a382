import assert from "node:assert/strict";
import { readlink } from "node:fs/promises";
import { describe, it } from "node:test";
import { cgroupLayout } from "../src/ground/linux/index.ts";
import { ContainerState, NamespaceMode } from "../src/ground/protocol/index.ts";
import type { TestBerth } from "./support/berth.ts";
import { testEngine } from "./support/engine.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
const kinds = ["net", "ipc", "uts", "pid", "cgroup", "user", "mnt"] as const;
const names = { [POD]: "POD", [CONTAINER]: "CONTAINER", [NODE]: "NODE" };
const sleep = "exec sleep 1000";

type Namespaces = Readonly<Record<(typeof kinds)[number], string>>;

/** Namespaces by kind, as seen by a container's shell or by this process. */
async function namespacesOf(readLink: (path: string) => Promise<string>): Promise<Namespaces> {
  const links = await Promise.all(
    kinds.map(async (kind) => [kind, (await readLink(`/proc/self/ns/${kind}`)).trim()]),
  );
  return Object.fromEntries(links);
}

const inContainer = (berth: TestBerth, id: string) =>
  namespacesOf((path) => execSync(berth, id, "readlink", path));

function options(namespaceOptions: object) {
  return { linux: { securityContext: { namespaceOptions } } };
}

describe("the namespaces of a pod's containers", () => {
  const host = withBerth();

  for (const network of [POD, NODE]) {
    for (const ipc of [POD, NODE]) {
      for (const pid of [POD, CONTAINER, NODE]) {
        const name = [network, ipc, pid].map((mode) => names[mode]).join("-");
        it(`are the pod's, their own or the host's, as requested: network, IPC, PID ${name}`, async () => {
          const asked = options({ network, ipc, pid });
          const pod = await TestPod.run(host.berth, name.toLowerCase(), asked);
          const ids = [
            await pod.shell("first", host.image, sleep, asked),
            await pod.shell("second", host.image, sleep, asked),
          ];
          const [first, second] = await Promise.all(ids.map((id) => inContainer(host.berth, id)));
          const own = await namespacesOf(readlink);
          assert.ok(first !== undefined && second !== undefined);
          assert.equal(first.net === own.net, network === NODE);
          // A pod on the host's network has the host's name.
          assert.equal(first.uts === own.uts, network === NODE);
          assert.equal(first.ipc === own.ipc, ipc === NODE);
          assert.equal(first.pid === own.pid, pid === NODE);
          assert.deepEqual([first.net, first.ipc], [second.net, second.ipc]);
          // Docker gives each container its own, with the pod's name.
          if (testEngine !== "docker") assert.equal(first.uts, second.uts);
          assert.equal(first.pid === second.pid, pid !== CONTAINER);
          assert.notEqual(first.mnt, second.mnt);
          assert.equal(first.user, own.user);
          const v2 = (await cgroupLayout())?.kind === "v2";
          assert.equal(first.cgroup === own.cgroup, !v2, "cgroup namespaces are for version 2 alone");
        });
      }
    }
  }

  it("show every process of the host with the host's PID namespace", async () => {
    const pod = await TestPod.run(host.berth, "host-pid", options({ pid: NODE }));
    const id = await pod.shell("main", host.image, sleep, options({ pid: NODE }));
    const command = await execSync(host.berth, id, "cat", `/proc/${host.berth.pid}/cmdline`);
    assert.match(command, /berth-test-.*config\.toml/);
  });
});

describe("a container that joins another's PID namespace", () => {
  const host = withBerth();

  it("sees that one's processes, and exits with it", async () => {
    const pod = await TestPod.run(host.berth, "target");
    const targetId = await pod.shell("app", host.image, "sleep 4321 & wait");
    const join = options({ pid: TARGET, targetId: targetId.slice(0, 20) });
    const debug = await pod.shell("debug", host.image, sleep, join);
    const other = await pod.shell("other", host.image, sleep);
    const processes = await execSync(host.berth, debug, "ps");
    assert.match(processes, /^ +1 .*sleep 4321/m);
    assert.match(processes, /sleep 1000/);
    assert.doesNotMatch(await execSync(host.berth, other, "ps"), /sleep 4321/);
    const seen = await execSync(host.berth, debug, "sh", "-c", "cat /proc/1/root/etc/hostname");
    assert.equal(seen, "target\n");
    const pid = async (id: string) => (await inContainer(host.berth, id)).pid;
    assert.equal(await pid(debug), await pid(targetId));

    const { runtime } = host.berth.clients;
    const late = await pod.create(shellConfig("late", host.image, sleep, join));
    await runtime.stopContainer({ containerId: targetId, timeout: 0n });
    const { exitCode, reason } = await exited(host.berth, debug);
    assert.deepEqual([exitCode, reason], [137, "Error"]);
    assert.equal((await containerStatus(host.berth, other)).state, ContainerState.CONTAINER_RUNNING);

    const gone = /FAILED_PRECONDITION.*whose PID namespace was requested, is not running/;
    await assert.rejects(runtime.startContainer({ containerId: late }), gone);
    assert.equal((await containerStatus(host.berth, late)).reason, "StartError");
    await assert.rejects(pod.create(shellConfig("later", host.image, sleep, join)), gone);
  });

  it("can join only that of a container in its own pod", async () => {
    const [pod, other] = await Promise.all(
      ["joins", "is-joined"].map((name) => TestPod.run(host.berth, name)),
    );
    assert.ok(pod !== undefined && other !== undefined);
    const targetId = await other.shell("app", host.image, sleep);
    const join = (id: string) =>
      pod.create(shellConfig("debug", host.image, sleep, options({ pid: TARGET, targetId: id })));
    await assert.rejects(join(targetId), /FAILED_PRECONDITION.*same pod sandbox/);
    await assert.rejects(join("0".repeat(64)), /NOT_FOUND/);
  });

  it("keeps running when the daemon is restarted", async () => {
    const pod = await TestPod.run(host.berth, "restarted");
    const targetId = await pod.shell("app", host.image, "sleep 4321 & wait");
    const debug = await pod.shell("debug", host.image, sleep, options({ pid: TARGET, targetId }));
    await host.berth.restartDaemon("SIGKILL");
    assert.match(await execSync(host.berth, debug, "ps"), /sleep 4321/);
  });
});
