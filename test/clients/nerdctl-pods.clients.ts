/** Inspects CRI's pods with an unmodified nerdctl and ctr, and provides images for them. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { criNamespace } from "../../src/engines/engine/index.ts";
import {
  ContainerState,
  PodSandboxState,
  SecurityProfile_ProfileType,
} from "../../src/ground/protocol/index.ts";
import { exited, TestPod } from "../support/pod.ts";
import { withClients } from "../support/with-clients.ts";

describe("nerdctl and ctr in CRI's namespace", () => {
  const host = withClients({}, criNamespace);
  const nerdctl = (...args: readonly string[]) => host.programs.nerdctl(...args);
  const ctr = (...args: readonly string[]) => host.programs.ctr(...args);
  let pod: TestPod;
  let id: string;

  before(async () => {
    pod = await TestPod.run(host.berth, "seen");
    id = await pod.shell("main", host.image, "echo hello; exec sleep 1000", {
      labels: {
        "io.kubernetes.pod.namespace": "default",
        "io.kubernetes.pod.name": "seen",
        "io.kubernetes.container.name": "main",
      },
      // As most kubelets request it: the profile has numbers that Go clients must be able to read.
      linux: { securityContext: { seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault } } },
    });
  });

  it("lists the containers and images of pods", async () => {
    assert.match(
      await nerdctl("ps", "--no-trunc"),
      new RegExp(`^${id} +${host.image}.*Up.*k8s://default/seen/main$`, "m"),
    );
    assert.ok((await ctr("containers", "ls", "-q")).split("\n").includes(id));
    assert.match(await ctr("tasks", "ls"), new RegExp(`^${id} +\\d+ +RUNNING`, "m"));
    assert.match(await nerdctl("images"), /busybox +latest/);
  });

  it("lists pods in the way that containerd lists their pause containers", async () => {
    assert.match(await nerdctl("ps", "-a", "--no-trunc"), new RegExp(`^${pod.id} .*Up`, "m"));
    assert.match(await ctr("containers", "ls"), new RegExp(`^${pod.id} .*io\\.containerd\\.runc\\.v2`, "m"));
    const { Labels, Spec } = JSON.parse(await ctr("containers", "info", pod.id));
    assert.equal(Labels["io.cri-containerd.kind"], "sandbox");
    assert.equal(Spec.annotations["io.kubernetes.cri.sandbox-name"], "seen");
    assert.match(await ctr("tasks", "ls"), new RegExp(`^${pod.id} +\\d+ +RUNNING`, "m"));
    assert.equal(await nerdctl("inspect", "-f", "{{.State.Status}}", pod.id), "running");
    await assert.rejects(ctr("containers", "rm", pod.id));
  });

  it("shows the log of a pod's container", async () => {
    assert.equal(await nerdctl("logs", id), "hello");
  });

  it("runs commands in a pod's container", async () => {
    assert.equal(await nerdctl("exec", id, "echo", "inside"), "inside");
    assert.equal(await ctr("tasks", "exec", "--exec-id", "one", id, "echo", "inside"), "inside");
  });

  it("inspects a pod's container", async () => {
    assert.equal(await nerdctl("inspect", "-f", "{{.State.Status}}", id), "running");
    const [{ Process }] = JSON.parse(await nerdctl("inspect", "--mode", "native", id));
    assert.equal(Process.Status.Status, "running");
    assert.deepEqual(JSON.parse(await ctr("containers", "info", id)).Spec.process.args.slice(0, 2), [
      "/bin/sh",
      "-c",
    ]);
  });

  it("pulls and loads images that a pod can use at once", async () => {
    const archive = host.programs.path("loaded.tar");
    await nerdctl("tag", host.image, "example.test/loaded:1");
    await nerdctl("save", "-o", archive, "example.test/loaded:1");
    await nerdctl("rmi", "example.test/loaded:1");
    await nerdctl("load", "-i", archive);
    assert.equal(await pod.output("loaded", "example.test/loaded:1", "echo ran"), "ran\n");
  });

  it("accepts the image ids that a kubelet shows", async () => {
    const { images } = await host.berth.clients.images.listImages({ filter: undefined });
    const image = images.find(({ repoTags }) => repoTags.includes(host.image))?.id ?? "";
    assert.equal(await ctr("images", "ls", "-q", `name==${image}`), image);
    assert.equal(await ctr("run", "--rm", image, "by-id", "echo", "by-id"), "by-id");
    await nerdctl("tag", image, "example.test/by-id:1");
    assert.equal(await nerdctl("run", "--rm", "--network", "none", image, "echo", "by-id"), "by-id");
    await nerdctl("rmi", "example.test/by-id:1");
  });

  it("runs containers of its own, which CRI does not show, beside pods", async () => {
    const own = await nerdctl(
      "run",
      "-d",
      "--name",
      "beside",
      "--network",
      "none",
      host.image,
      "sleep",
      "1000",
    );
    const { containers } = await host.berth.clients.runtime.listContainers({ filter: undefined });
    assert.equal(
      containers.some((container) => container.id === own),
      false,
    );
    await nerdctl("rm", "-f", "beside");
  });

  it("kills a pod, and leaves its removal to the kubelet", async () => {
    const doomed = await TestPod.run(host.berth, "doomed");
    const container = await doomed.shell("main", host.image, "exec sleep 1000");
    // nerdctl fails for containers without its labels once their tasks are gone, but exits with 0.
    await host.programs.say("nerdctl", ["rm", "-f", doomed.id]);
    const { runtime } = host.berth.clients;
    const { status } = await runtime.podSandboxStatus({ podSandboxId: doomed.id, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    const ended = await runtime.containerStatus({ containerId: container, verbose: false });
    assert.equal(ended.status?.state, ContainerState.CONTAINER_EXITED);
  });

  it("stops a pod's container and a pod, and the kubelet sees it", async () => {
    const stopped = await TestPod.run(host.berth, "stopped");
    const container = await stopped.shell("main", host.image, "exec sleep 1000");
    const other = await stopped.shell("other", host.image, "exec sleep 1000");
    const { runtime } = host.berth.clients;
    assert.equal(await nerdctl("stop", "-t", "0", container), container);
    const ended = await runtime.containerStatus({ containerId: container, verbose: false });
    assert.deepEqual(
      [ended.status?.state, ended.status?.exitCode, ended.status?.labels],
      [ContainerState.CONTAINER_EXITED, 137, {}],
    );
    assert.equal(await nerdctl("stop", stopped.id), stopped.id);
    const { status } = await runtime.podSandboxStatus({ podSandboxId: stopped.id, verbose: false });
    assert.deepEqual([status?.state, status?.labels], [PodSandboxState.SANDBOX_NOTREADY, {}]);
    assert.equal((await exited(host.berth, other)).exitCode, 137);
  });

  it("changes limits of a pod's container, and the kubelet sees it", async () => {
    await nerdctl("update", "--memory", "64m", "--cpu-shares", "512", id);
    const { status } = await host.berth.clients.runtime.containerStatus({ containerId: id, verbose: false });
    const { memoryLimitInBytes, cpuShares } = status?.resources?.linux ?? {};
    assert.deepEqual([memoryLimitInBytes, cpuShares], [2n ** 26n, 512n]);
    assert.match(await nerdctl("stats", "--no-stream", "--format", "{{.MemUsage}}", id), / \/ 64MiB$/);
    await assert.rejects(nerdctl("update", "--pids-limit", "7", id), /resources\.pids\.limit/);
  });

  it("pauses a pod's container, copies files into it and out of it, and commits it to an image", async () => {
    await nerdctl("pause", id);
    assert.match(await nerdctl("ps", "-a", "--no-trunc"), new RegExp(`^${id} .*Paused`, "m"));
    await nerdctl("unpause", id);
    const [here, back] = [host.programs.path("pod-file"), host.programs.path("pod-file-back")];
    await writeFile(here, "copied\n");
    await nerdctl("cp", here, `${id}:/tmp/there`);
    await nerdctl("cp", `${id}:/tmp/there`, back);
    assert.equal(await readFile(back, "utf8"), "copied\n");
    assert.match(await nerdctl("diff", id), /^A \/tmp\/there$/m);
    await nerdctl("commit", id, "example.test/of-a-pod:1");
    assert.equal(await pod.output("copied", "example.test/of-a-pod:1", "cat /tmp/there"), "copied\n");
  });

  it("cannot restart a pod's container", async () => {
    const ended = await pod.shell("ended", host.image, "exit 3");
    await exited(host.berth, ended);
    for (const command of ["start", "restart"])
      await assert.rejects(nerdctl(command, ended), /is a pod's: its task is not created by others/);
    assert.equal((await exited(host.berth, ended)).exitCode, 3);
  });

  it("leaves starting and removing a pod's containers to the kubelet", async () => {
    // It kills the container first, whose task may then be gone before ctr asks for it again.
    await assert.rejects(ctr("tasks", "rm", "-f", id), /is a pod's|has no task/);
    await assert.rejects(ctr("containers", "rm", id));
  });
});
