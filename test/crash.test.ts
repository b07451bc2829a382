import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exists } from "../src/ground/fs/index.ts";
import {
  ContainerState,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxState,
} from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { handlerProgram, testHandler } from "./support/handler.ts";
import { containerStatus, execSync, exited } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { hostPort } from "./support/subnet.ts";
import { withCrashingBerth } from "./support/with-crashing-berth.ts";

const mapping = [{ containerId: 0, hostId: 500_000, length: 65_536 }];

/** A pod with every feature: a network with a port, shared memory, a pause process, its own users. */
function fullPod(host: CrashingBerth, name: string): PodSandboxConfig {
  return podConfig(name.replaceAll(" ", "-"), {
    portMappings: [{ containerPort: 80, hostPort: hostPort() }],
    linux: {
      cgroupParent: host.cgroupParent,
      securityContext: {
        namespaceOptions: {
          pid: NamespaceMode.POD,
          usernsOptions: { mode: NamespaceMode.POD, uids: mapping, gids: mapping },
        },
      },
    },
  });
}

describe("a daemon that is killed", () => {
  const { host, runtime, clean, run, start, pods, containers, removeAndLookAround, ...crashed } =
    withCrashingBerth({}, async () => {
      const config = fullPod(host(), "first");
      const podSandboxId = await run(config);
      await start(await create(podSandboxId, config));
      await runtime().removePodSandbox({ podSandboxId });
      const left = (await host().traces()).filter((trace) => trace.includes(podSandboxId));
      assert.deepEqual(left, []);
    });
  const create = (podSandboxId: string, sandboxConfig: PodSandboxConfig, script = "exec sleep 1000") => {
    const volume = { hostPath: host().berth.logDir, containerPath: "/volume" };
    const mounts = [{ ...volume, uidMappings: mapping, gidMappings: mapping }];
    const config = shellConfig("main", crashed.image(), script, { mounts });
    return crashed.create(podSandboxId, sandboxConfig, config);
  };

  for (const step of [
    "sandbox-directories",
    "sandbox-namespaces",
    "sandbox-files",
    "sandbox-network",
    "sandbox-hosts",
    "sandbox-interface-sysctls",
    "sandbox-pause",
    "sandbox-commit",
  ]) {
    it(`before ${step} has created no pod and left nothing, and the client's retry creates one`, async () => {
      const config = fullPod(host(), step);
      await host().cutAt(step, () => run(config));
      await host().berth.startDaemon();
      assert.deepEqual(await pods(), []);
      await host().returnsTo(clean());
      await removeAndLookAround(await run(config));
    });
  }

  it("before it reports a new pod reports it when the client asks again", async () => {
    const config = fullPod(host(), "told-again");
    await host().cutAt("sandbox-made", () => run(config));
    await host().berth.startDaemon();
    const [pod] = await pods();
    assert.equal(pod?.state, PodSandboxState.SANDBOX_READY);
    assert.equal(await run(config), pod?.id);
    await start(await create(pod?.id ?? "", config));
    await removeAndLookAround(pod?.id ?? "");
  });

  for (const step of [
    "container-extensions",
    "container-snapshot",
    "container-bundle",
    "container-rootfs",
    "container-mapped-volumes",
    "container-spec",
    "container-commit",
    "container-made",
  ]) {
    it(`before ${step} has created a container or none, and the client's retry returns one that starts`, async () => {
      const config = fullPod(host(), step);
      const podSandboxId = await run(config);
      const withPod = await host().traces();
      await host().cutAt(step, () => create(podSandboxId, config));
      await host().berth.startDaemon();
      const found = await containers();
      if (step === "container-made") assert.equal(found[0]?.state, ContainerState.CONTAINER_CREATED);
      else await host().returnsTo(withPod);
      const id = await create(podSandboxId, config);
      assert.deepEqual(
        found.map((each) => each.id),
        step === "container-made" ? [id] : [],
      );
      await start(id);
      assert.equal(await execSync(host().berth, id, "echo", "alive"), "alive\n");
      await removeAndLookAround(podSandboxId);
    });
  }

  for (const step of ["container-task", "container-start", "container-started"]) {
    it(`before ${step} has a container that runs or can be started`, async () => {
      const config = fullPod(host(), step);
      const podSandboxId = await run(config);
      const id = await create(podSandboxId, config);
      await host().cutAt(step, () => start(id));
      await host().berth.startDaemon();
      const { CONTAINER_RUNNING, CONTAINER_CREATED } = ContainerState;
      const expected = step === "container-started" ? CONTAINER_RUNNING : CONTAINER_CREATED;
      assert.equal((await containerStatus(host().berth, id)).state, expected);
      await start(id);
      assert.equal(await execSync(host().berth, id, "echo", "alive"), "alive\n");
      await removeAndLookAround(podSandboxId);
    });
  }

  for (const step of ["container-exit", "container-exited"]) {
    it(`before ${step} knows afterwards how the container ended`, async () => {
      const config = fullPod(host(), step);
      const podSandboxId = await run(config);
      const id = await create(podSandboxId, config, "exit 3");
      await host().cutAt(step, () => start(id));
      await host().berth.startDaemon();
      assert.equal((await exited(host().berth, id)).exitCode, 3);
      await removeAndLookAround(podSandboxId);
    });
  }

  for (const step of [
    "sandbox-stop",
    "undo sandbox-pause",
    "undo sandbox-network",
    "undo sandbox-files",
    "undo sandbox-namespaces",
    "undo sandbox-directories",
    "sandbox-stopped",
  ]) {
    it(`before ${step} continues to stop the pod by itself`, async () => {
      const config = fullPod(host(), step);
      const podSandboxId = await run(config);
      const ofPod = await host().traces();
      const id = await create(podSandboxId, config);
      const ofContainer = (await host().traces()).filter((trace) => !ofPod.includes(trace));
      await start(id);
      await host().cutAt(step, () => runtime().stopPodSandbox({ podSandboxId }));
      await host().berth.startDaemon();
      assert.equal((await pods())[0]?.state, PodSandboxState.SANDBOX_NOTREADY);
      await host().returnsTo([...clean(), ...ofContainer]);
      assert.equal((await exited(host().berth, id)).exitCode, 137);
      await removeAndLookAround(podSandboxId);
    });
  }

  for (const step of [
    "undo container-mapped-volumes",
    "undo container-rootfs",
    "undo container-bundle",
    "undo container-snapshot",
    "undo container-extensions",
    "container-delete",
    "sandbox-delete",
  ]) {
    it(`before ${step} removes the pod when the client asks again`, async () => {
      const config = fullPod(host(), step);
      const podSandboxId = await run(config);
      await start(await create(podSandboxId, config));
      await host().cutAt(step, () => runtime().removePodSandbox({ podSandboxId }));
      await host().berth.startDaemon();
      assert.equal((await pods()).length, 1);
      await removeAndLookAround(podSandboxId);
    });
  }
});

describe("a daemon that is killed while a program that it started runs", () => {
  /**
   * Writes a file when it runs, waits, and continues as the program that it replaces, unless it is killed.
   */
  const slow = (directory: string, when: string, program: string) =>
    `#!/bin/sh\nif ${when} && [ ! -e ${directory}/running ]; then touch ${directory}/running; sleep 60; touch ${directory}/went-on; fi\nexec ${program} "$@"\n`;

  /** Kills the daemon while the slow program runs because of `call`, and restarts it. */
  const killAndRestart = async (host: CrashingBerth, directory: string, call: () => Promise<unknown>) => {
    const failed = assert.rejects(call());
    await eventually("the program runs", () => exists(join(directory, "running")));
    await host.berth.stopDaemon("SIGKILL");
    await failed;
    await host.berth.startDaemon();
  };

  it("ends a CNI plugin that is still running, so that no address stays allocated without a pod", async () => {
    await using scripts = await tempDir();
    await using host = await CrashingBerth.start({ pluginDirs: [scripts.path], builtinPlugins: false });
    const { berth } = host;
    const run = () =>
      berth.clients.runtime.runPodSandbox({ config: fullPod(host, "plugin"), runtimeHandler: "" });
    const { podSandboxId } = await run();
    await berth.clients.runtime.removePodSandbox({ podSandboxId });
    const clean = await host.traces();
    const script = slow(scripts.path, '[ "$CNI_COMMAND" = ADD ]', "/usr/lib/cni/bridge");
    await writeFile(join(scripts.path, "bridge"), script, { mode: 0o755 });
    await killAndRestart(host, scripts.path, run);
    await host.returnsTo(clean);
    assert.equal(await exists(join(scripts.path, "went-on")), false);
    await run();
  });

  it("removes the container that an OCI runtime was creating, which can then be started", async () => {
    await using registry = await startBusyboxRegistry();
    await using scripts = await tempDir();
    const program = join(scripts.path, "slow-runtime");
    const when = 'case "$*" in *" create "*) true;; *) false;; esac';
    await writeFile(program, slow(scripts.path, when, handlerProgram(testHandler)), { mode: 0o755 });
    const handlers = `[runtime.handlers.slow]\npath = ${JSON.stringify(program)}\n`;
    await using host = await CrashingBerth.start({ config: handlers });
    await host.berth.pull(registry.image);
    const { runtime } = host.berth.clients;
    const config = podConfig("runtime", { linux: { cgroupParent: host.cgroupParent } });
    const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "slow" });
    const container = shellConfig("main", registry.image, "exec sleep 1000");
    const request = { podSandboxId, config: container, sandboxConfig: config };
    const { containerId } = await runtime.createContainer(request);
    const created = await host.traces();
    await killAndRestart(host, scripts.path, () => runtime.startContainer({ containerId }));
    await host.returnsTo(created);
    assert.equal(await exists(join(scripts.path, "went-on")), false);
    await host.berth.clients.runtime.startContainer({ containerId });
    assert.equal(await execSync(host.berth, containerId, "echo", "alive"), "alive\n");
  });
});
