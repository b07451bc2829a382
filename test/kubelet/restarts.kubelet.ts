/** Restarts of the kubelet, of berthd and of both while pods are running. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../support/condition.ts";
import { containerIdOf, containerOf, isReady, nodeName, type Pod, restartsOf } from "../support/kubelet.ts";
import { execSync } from "../support/pod.ts";
import { withKubelet } from "../support/with-kubelet.ts";

const idle = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
const probes = { exec: { command: ["true"] }, periodSeconds: 1 };

describe("pods", () => {
  const host = withKubelet();
  const two = () => ({
    spec: {
      initContainers: [host.shell("init", "true")],
      containers: [
        host.shell("main", idle, { livenessProbe: probes, readinessProbe: probes }),
        host.shell("other", idle),
      ],
    },
  });
  const ids = (pod: Pod) => ["init", "main", "other"].map((name) => containerIdOf(pod, name));

  /** The kubelet has inspected the pod since, and found it unchanged. */
  async function isAsBefore(name: string, before: Pod): Promise<void> {
    const seen = (await host.kubelet.log()).length;
    await host.kubelet.until("the kubelet has looked at the pod again", async () => {
      const since = (await host.kubelet.log()).slice(seen);
      return since.includes(`"Processing pod event done" pod="default/${name}-${nodeName}"`);
    });
    const after = await host.kubelet.podThat(name, "is ready", isReady);
    assert.equal(after.metadata.uid, before.metadata.uid);
    assert.deepEqual(ids(after), ids(before));
    for (const container of ["main", "other"]) assert.equal(restartsOf(after, container), 0);
    assert.equal(after.status.podIP, before.status.podIP);
    assert.equal((await host.kubelet.sandboxes(name)).length, 1);
  }

  it("keep running when their kubelet restarts", async () => {
    const before = await host.kubelet.run("kubelet", two());
    await host.kubelet.stop();
    await host.kubelet.startProcess();
    await isAsBefore("kubelet", before);
    await host.kubelet.remove("kubelet");
  });

  it("keep running when berthd is killed and restarted", async () => {
    const before = await host.kubelet.run("runtime", two());
    await host.berth.restartDaemon("SIGKILL");
    await isAsBefore("runtime", before);
    assert.equal(await execSync(host.berth, containerIdOf(before, "main"), "echo", "here"), "here\n");
    await host.kubelet.remove("runtime");
  });

  it("keep running while both are down, and those that ended in the meantime are restarted", async () => {
    const before = await host.kubelet.run("both", two());
    await host.kubelet.stop();
    const { info } = await host.berth.clients.runtime.containerStatus({
      containerId: containerIdOf(before, "other"),
      verbose: true,
    });
    await host.berth.stopDaemon("SIGKILL");
    process.kill(JSON.parse(info.info ?? "{}").pid, "SIGKILL");
    await host.berth.startDaemon();
    await host.kubelet.startProcess();
    const after = await host.kubelet.podThat(
      "both",
      "has the ended container again",
      (pod) => restartsOf(pod, "other") === 1 && isReady(pod),
    );
    assert.equal(containerIdOf(after, "main"), containerIdOf(before, "main"));
    assert.equal(containerOf(after, "other").lastState.terminated?.exitCode, 137);
    await host.kubelet.remove("both");
  });

  it("come up although berthd is killed while they are being created", async () => {
    const seen = (await host.berth.daemonLog()).length;
    await host.kubelet.apply("cut", two());
    const { docker } = host.berth;
    await eventually("its sandbox is being made", async () =>
      docker === undefined
        ? (await host.berth.daemonLog()).slice(seen).includes("sandbox-directories")
        : (await docker.containers()).some((name) => name.startsWith("/k8s_POD_cut-")),
    );
    await host.berth.restartDaemon("SIGKILL");
    await host.kubelet.podThat("cut", "is ready", isReady);
    await host.kubelet.remove("cut");
  });

  it("are removed by a restarted kubelet if their manifest was removed in the meantime", async () => {
    await host.kubelet.run("left", two());
    await host.kubelet.stop();
    await host.kubelet.withdraw("left");
    await host.kubelet.startProcess();
    await host.kubelet.remove("left");
  });
});
