import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { ContainerState, type PodSandboxConfig, PodSandboxState } from "../src/ground/protocol/index.ts";
import type { TestRegistry } from "../src/testing/registry.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { containerStatus, execSync, exited } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { hostPort } from "./support/subnet.ts";

/** Who is killed at a step, and how the pods fare that run then. */
const victims = [
  { name: "berthd", kills: "berthd", liveRestore: false },
  { name: "dockerd, which ends its containers,", kills: "dockerd", liveRestore: false },
  { name: "dockerd, whose containers go on,", kills: "dockerd", liveRestore: true },
] as const;

for (const { name: victim, kills, liveRestore } of victims) {
  describe(`the Docker engine, when ${victim} is killed`, () => {
    let registry: (TestRegistry & { readonly image: string }) | undefined;
    let started: CrashingBerth | undefined;
    let clean: readonly string[] = [];

    const host = (): CrashingBerth => started ?? assert.fail("not started");
    const runtime = () => host().berth.clients.runtime;
    const configOf = (name: string) =>
      podConfig(name.replaceAll(" ", "-"), {
        portMappings: [{ containerPort: 80, hostPort: hostPort() }],
        linux: { cgroupParent: host().cgroupParent },
      });
    const run = async (config: PodSandboxConfig) =>
      (await runtime().runPodSandbox({ config, runtimeHandler: "" })).podSandboxId;
    const create = async (podSandboxId: string, sandboxConfig: PodSandboxConfig) => {
      const config = shellConfig("main", registry?.image ?? "", "exec sleep 1000");
      return (await runtime().createContainer({ podSandboxId, config, sandboxConfig })).containerId;
    };
    const start = (containerId: string) => runtime().startContainer({ containerId });
    const pods = async () => (await runtime().listPodSandbox({ filter: undefined })).items;
    const containers = async () => (await runtime().listContainers({ filter: undefined })).containers;
    /** Ends it before that step of what is called, and starts it again. */
    const killAt = async (step: string, call: () => Promise<unknown>) => {
      if (kills === "dockerd") return await host().cutDockerAt(step, call);
      await host().cutAt(step, call);
      await host().berth.startDaemon();
    };
    /** Whether what ran before runs on. */
    const survives = kills === "berthd" || liveRestore;

    const removeAndLookAround = async (podSandboxId: string) => {
      await runtime().stopPodSandbox({ podSandboxId });
      await runtime().removePodSandbox({ podSandboxId });
      assert.deepEqual([await pods(), await containers()], [[], []]);
      await host().returnsTo(clean);
    };

    before(async () => {
      registry = await startBusyboxRegistry();
      started = await CrashingBerth.start({ engine: "docker", docker: { liveRestore } });
      await started.berth.pull(registry.image);
      // The first pod makes what all pods share: the bridge, tables of rules, the sandboxes' image.
      const config = configOf("first");
      const id = await run(config);
      await start(await create(id, config));
      await runtime().removePodSandbox({ podSandboxId: id });
      clean = await started.traces();
    });
    // What one case leaves is not the next one's.
    afterEach(async () => {
      for (const { id } of await pods()) await runtime().removePodSandbox({ podSandboxId: id });
    });
    after(async () => {
      await started?.[Symbol.asyncDispose]();
      await registry?.[Symbol.asyncDispose]();
    });

    for (const step of [
      "sandbox-create",
      "sandbox-start",
      "sandbox-files",
      "sandbox-network",
      // Docker has no part in it.
      ...(kills === "berthd" ? ["sandbox-commit"] : []),
    ]) {
      it(`before ${step} has made no pod and left nothing, and the client's next try makes one`, async () => {
        const config = configOf(step);
        await killAt(step, () => run(config));
        assert.deepEqual(await pods(), []);
        await host().returnsTo(clean);
        await removeAndLookAround(await run(config));
      });
    }

    it("before a pod that is made is told of has it, and it is removed when that is asked for", async () => {
      const config = configOf("told");
      await killAt("sandbox-made", () => run(config));
      const [pod] = await pods();
      const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;
      assert.equal(pod?.state, survives ? SANDBOX_READY : SANDBOX_NOTREADY);
      if (survives) assert.equal(await run(config), pod.id);
      await removeAndLookAround(pod.id);
    });

    for (const step of ["container-create", "container-made"]) {
      it(`before ${step} has made a container or none, and the client's next try has one that starts`, async () => {
        const config = configOf(step);
        const podSandboxId = await run(config);
        await killAt(step, () => create(podSandboxId, config));
        const found = await containers();
        assert.deepEqual(
          found.map(({ state }) => state),
          step === "container-made" ? [ContainerState.CONTAINER_CREATED] : [],
        );
        if (survives) {
          const id = await create(podSandboxId, config);
          if (found[0] !== undefined) assert.equal(found[0].id, id);
          await start(id);
          assert.equal(await execSync(host().berth, id, "echo", "alive"), "alive\n");
        }
        await removeAndLookAround(podSandboxId);
      });
    }

    for (const step of ["container-start", "container-started"]) {
      it(`before ${step} has a container that runs, can be started, or has ended with its pod`, async () => {
        const config = configOf(step);
        const podSandboxId = await run(config);
        const id = await create(podSandboxId, config);
        await killAt(step, () => start(id));
        const { state } = await containerStatus(host().berth, id);
        const { CONTAINER_RUNNING, CONTAINER_CREATED, CONTAINER_EXITED } = ContainerState;
        const begun = survives ? CONTAINER_RUNNING : CONTAINER_EXITED;
        assert.equal(state, step === "container-started" ? begun : CONTAINER_CREATED);
        if (survives) {
          await start(id);
          assert.equal(await execSync(host().berth, id, "echo", "alive"), "alive\n");
        }
        await removeAndLookAround(podSandboxId);
      });
    }

    for (const step of ["sandbox-stop", "sandbox-end", "undo sandbox-network", "sandbox-stopped"]) {
      it(`before ${step} stops the pod when it is told again`, async () => {
        const config = configOf(step);
        const podSandboxId = await run(config);
        const id = await create(podSandboxId, config);
        await start(id);
        await killAt(step, () => runtime().stopPodSandbox({ podSandboxId }));
        await runtime().stopPodSandbox({ podSandboxId });
        assert.equal((await pods())[0]?.state, PodSandboxState.SANDBOX_NOTREADY);
        assert.notEqual((await exited(host().berth, id)).exitCode, 0);
        await removeAndLookAround(podSandboxId);
      });
    }

    for (const step of ["container-delete", "sandbox-delete"]) {
      it(`before ${step} removes the pod when it is told again`, async () => {
        const config = configOf(step);
        const podSandboxId = await run(config);
        await start(await create(podSandboxId, config));
        await killAt(step, () => runtime().removePodSandbox({ podSandboxId }));
        assert.equal((await pods()).length, 1);
        await removeAndLookAround(podSandboxId);
      });
    }
  });
}
