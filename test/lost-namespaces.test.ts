import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { unmount, unmountBelow } from "../src/ground/linux/index.ts";
import {
  ContainerState,
  ListPodSandboxRequest,
  NamespaceMode,
  PodSandboxState,
} from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";
import { withBerth } from "./support/with-berth.ts";

const sleep = "exec sleep 1000";
const { SANDBOX_NOTREADY, SANDBOX_READY } = PodSandboxState;

describe("a pod whose namespaces somebody has unmounted", () => {
  const host = withBerth({ engine: "native" });

  const loseMount = (pod: TestPod, ...names: readonly string[]) =>
    unmount(join(host.berth.state, "sandboxes", pod.id, ...names), { detach: true });
  const status = async (podSandboxId: string) => {
    const { runtime } = host.berth.clients;
    return (await runtime.podSandboxStatus({ podSandboxId, verbose: false })).status;
  };
  const listed = async ({ id }: TestPod) => {
    const request = ListPodSandboxRequest.fromPartial({ filter: { id } });
    return (await host.berth.clients.runtime.listPodSandbox(request)).items[0]?.state;
  };
  const listedNotReady = (pod: TestPod) =>
    eventually("the pod is listed as not ready", async () => (await listed(pod)) === SANDBOX_NOTREADY);

  for (const kind of ["net", "ipc", "uts"]) {
    it(`is not ready when a container is started in it: ${kind}`, async () => {
      const { runtime } = host.berth.clients;
      const pod = await TestPod.run(host.berth, `start-${kind}`);
      const containerId = await pod.create(shellConfig("main", host.image, sleep));
      await loseMount(pod, "ns", kind);
      const lost = new RegExp(`FAILED_PRECONDITION.*not ready.*no namespace.*/ns/${kind}.*a new one`);
      await assert.rejects(runtime.startContainer({ containerId }), lost);
      await listedNotReady(pod);
      assert.equal((await containerStatus(host.berth, containerId)).state, ContainerState.CONTAINER_CREATED);
    });
  }

  it("is not ready when its status is requested, is removed like any other, and can be run again", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "status");
    const containerId = await pod.shell("main", host.image, sleep);
    assert.equal((await status(pod.id))?.state, SANDBOX_READY);
    await loseMount(pod, "ns", "net");
    assert.equal((await status(pod.id))?.state, SANDBOX_NOTREADY);
    assert.equal((await status(pod.id))?.network?.ip, "");
    await listedNotReady(pod);
    assert.equal((await containerStatus(host.berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    await runtime.stopPodSandbox({ podSandboxId: pod.id });
    assert.equal((await containerStatus(host.berth, containerId)).state, ContainerState.CONTAINER_EXITED);
    const attachments = await readdir(join(host.berth.root, "network"));
    assert.ok(!attachments.includes(`${pod.id}.json`), "it is detached from its network");
    const metadata = { ...pod.config.metadata, attempt: 1 };
    const next = await TestPod.run(host.berth, "status", { metadata });
    await next.shell("main", host.image, sleep);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    assert.equal(await listed(pod), undefined);
  });

  it("is not ready when a container is created in it, with all its files gone, too", async () => {
    const pod = await TestPod.run(host.berth, "create");
    await loseMount(pod);
    const create = () => pod.create(shellConfig("main", host.image, sleep));
    await assert.rejects(create(), /FAILED_PRECONDITION.*not ready.*no namespace/);
    await listedNotReady(pod);
    await assert.rejects(create(), /FAILED_PRECONDITION.*not ready/);
  });

  it("is not returned by a second call to run it", async () => {
    const pod = await TestPod.run(host.berth, "again");
    await loseMount(pod, "ns", "net");
    await assert.rejects(TestPod.run(host.berth, "again"), /ALREADY_EXISTS.*is not ready.*next attempt/);
  });

  it("is not ready, even on the host's network, once its IPC namespace is gone", async () => {
    const network = { linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE } } } };
    const pod = await TestPod.run(host.berth, "host-network", network);
    assert.equal((await status(pod.id))?.state, SANDBOX_READY);
    await loseMount(pod, "ns", "ipc");
    assert.equal((await status(pod.id))?.state, SANDBOX_NOTREADY);
  });
});

describe("pods of a daemon in a mount namespace of its own", () => {
  const host = withBerth({ engine: "native" });
  const apart = ["unshare", "--mount", "--propagation", "private"];

  it("are left alone by a daemon elsewhere, which does not start, and are there for the next one", async () => {
    const { berth } = host;
    await berth.stopDaemon();
    await berth.startDaemon(apart);
    const pod = await TestPod.run(berth, "apart");
    const containerId = await pod.shell("main", host.image, sleep);
    const { pid } = await verboseInfo(berth, containerId);
    await berth.stopDaemon("SIGKILL");
    await assert.rejects(berth.startDaemon(), /pods of this daemon run in another mount namespace.*nsenter/);
    await berth.startDaemon(["nsenter", `--mount=/proc/${await parentOf(pid)}/ns/mnt`]);
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    assert.equal((await verboseInfo(berth, containerId)).pid, pid);
    assert.match(await execSync(berth, containerId, "hostname"), /apart/);
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });

  it("are taken up by a daemon elsewhere that sees what they have mounted, but those that have lost it", async () => {
    const { berth } = host;
    await berth.stopDaemon();
    await promisify(execFile)("mount", ["--bind", "--make-shared", berth.state, berth.state]);
    await berth.startDaemon(["unshare", "--mount", "--propagation", "shared"]);
    const [kept, lost] = [await TestPod.run(berth, "kept"), await TestPod.run(berth, "lost")];
    const containerId = await kept.shell("main", host.image, sleep);
    await lost.shell("main", host.image, sleep);
    await berth.stopDaemon("SIGKILL");
    await unmountBelow(join(berth.state, "sandboxes", lost.id));
    await berth.startDaemon();
    const stateOf = async ({ id }: TestPod) =>
      (await berth.clients.runtime.podSandboxStatus({ podSandboxId: id, verbose: false })).status?.state;
    assert.deepEqual([await stateOf(kept), await stateOf(lost)], [SANDBOX_READY, SANDBOX_NOTREADY]);
    assert.match(await execSync(berth, containerId, "hostname"), /kept/);
    for (const { id } of [kept, lost]) await berth.clients.runtime.removePodSandbox({ podSandboxId: id });
    await berth.stopDaemon();
    await unmount(berth.state);
    await berth.startDaemon();
  });

  it("are torn down by a daemon elsewhere once nothing of them runs", async () => {
    const { berth } = host;
    await berth.stopDaemon();
    await berth.startDaemon(apart);
    const pod = await TestPod.run(berth, "over");
    await berth.stopDaemon("SIGKILL");
    await berth.startDaemon();
    const { status } = await berth.clients.runtime.podSandboxStatus({ podSandboxId: pod.id, verbose: false });
    assert.equal(status?.state, SANDBOX_NOTREADY);
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});

async function parentOf(pid: number): Promise<string> {
  return /^PPid:\s*(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
}
