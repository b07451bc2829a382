import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { ContainerState, type PodSandboxConfig, PodSandboxState } from "../src/ground/protocol/index.ts";
import { containerStatus, execSync, exited } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { hostPort } from "./support/subnet.ts";
import { withCrashingBerth } from "./support/with-crashing-berth.ts";

/** Which daemon is killed at a step, and what happens to the running pods. */
const victims = [
  { name: "berthd", kills: "berthd", liveRestore: false },
  { name: "dockerd, which ends its containers,", kills: "dockerd", liveRestore: false },
  { name: "dockerd, whose containers go on,", kills: "dockerd", liveRestore: true },
] as const;

for (const { name: victim, kills, liveRestore } of victims) {
  describe(`the Docker engine, when ${victim} is killed`, () => {
    const { host, runtime, clean, run, start, pods, containers, removeAndLookAround, ...crashed } =
      withCrashingBerth({ engine: "docker", docker: { liveRestore } }, async () => {
        const config = configOf("first");
        const podSandboxId = await run(config);
        await start(await create(podSandboxId, config));
        await runtime().removePodSandbox({ podSandboxId });
      });
    const configOf = (name: string) =>
      podConfig(name.replaceAll(" ", "-"), {
        portMappings: [{ containerPort: 80, hostPort: hostPort() }],
        linux: { cgroupParent: host().cgroupParent },
      });
    const create = (podSandboxId: string, sandboxConfig: PodSandboxConfig) =>
      crashed.create(podSandboxId, sandboxConfig, shellConfig("main", crashed.image(), "exec sleep 1000"));
    /** Kills it before that step of `call`, and restarts it. */
    const killAt = async (step: string, call: () => Promise<unknown>) => {
      if (kills === "dockerd") return await host().cutDockerAt(step, call);
      await host().cutAt(step, call);
      await host().berth.startDaemon();
    };
    /** Whether containers that ran before keep running. */
    const survives = kills === "berthd" || liveRestore;

    // Leftovers of one case must not affect the next.
    afterEach(async () => {
      for (const { id } of await pods()) await runtime().removePodSandbox({ podSandboxId: id });
    });

    for (const step of [
      "sandbox-create",
      "sandbox-start",
      "sandbox-files",
      "sandbox-network",
      // Docker is not involved in this step.
      ...(kills === "berthd" ? ["sandbox-commit"] : []),
    ]) {
      it(`before ${step} has created no pod and left nothing, and the client's retry creates one`, async () => {
        const config = configOf(step);
        await killAt(step, () => run(config));
        assert.deepEqual(await pods(), []);
        await host().returnsTo(clean());
        await removeAndLookAround(await run(config));
      });
    }

    it("before a new pod is reported has it, and removes it on request", async () => {
      const config = configOf("told");
      await killAt("sandbox-made", () => run(config));
      const [pod] = await pods();
      const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;
      assert.equal(pod?.state, survives ? SANDBOX_READY : SANDBOX_NOTREADY);
      if (survives) assert.equal(await run(config), pod.id);
      await removeAndLookAround(pod.id);
    });

    for (const step of ["container-create", "container-made"]) {
      it(`before ${step} has created a container or none, and the client's retry returns one that starts`, async () => {
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
      it(`before ${step} stops the pod when the client asks again`, async () => {
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
      it(`before ${step} removes the pod when the client asks again`, async () => {
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
