import assert from "node:assert/strict";
import { after, before } from "node:test";
import type { ContainerConfig, PodSandboxConfig } from "../../src/ground/protocol/index.ts";
import type { TestRegistry } from "../../src/testing/registry.ts";
import { startBusyboxRegistry } from "./busybox.ts";
import { CrashingBerth, type CrashingBerthOptions } from "./crashing-berth.ts";
import { started } from "./with-berth.ts";

/**
 * A daemon that can be cut off, with the registry's busybox pulled, and calls of it, for the tests of one
 * `describe`. Before them, `runFirstPod` runs and removes a pod, which creates what all pods share: the
 * bridge, tables of rules, parents of cgroups. `clean` is what is on the machine then.
 */
export function withCrashingBerth(options: CrashingBerthOptions, runFirstPod: () => Promise<unknown>) {
  let registry: (TestRegistry & { readonly image: string }) | undefined;
  let berth: CrashingBerth | undefined;
  let clean: readonly string[] = [];
  const host = () => started(berth);
  const runtime = () => host().berth.clients.runtime;
  const run = async (config: PodSandboxConfig) =>
    (await runtime().runPodSandbox({ config, runtimeHandler: "" })).podSandboxId;
  const create = async (podSandboxId: string, sandboxConfig: PodSandboxConfig, config: ContainerConfig) =>
    (await runtime().createContainer({ podSandboxId, config, sandboxConfig })).containerId;
  const start = (containerId: string) => runtime().startContainer({ containerId });
  const pods = async () => (await runtime().listPodSandbox({ filter: undefined })).items;
  const containers = async () => (await runtime().listContainers({ filter: undefined })).containers;
  /** Removes the pod, whatever the test was about, and asserts that nothing is left. */
  const removeAndLookAround = async (podSandboxId: string) => {
    await runtime().stopPodSandbox({ podSandboxId });
    await runtime().removePodSandbox({ podSandboxId });
    assert.deepEqual([await pods(), await containers()], [[], []]);
    await host().returnsTo(clean);
  };
  before(async () => {
    registry = await startBusyboxRegistry();
    berth = await CrashingBerth.start(options);
    await berth.berth.pull(registry.image);
    await runFirstPod();
    clean = await berth.traces();
  });
  after(async () => {
    await using _registry = registry;
    await berth?.[Symbol.asyncDispose]();
  });
  const image = () => started(registry).image;
  return {
    host,
    runtime,
    image,
    clean: () => clean,
    run,
    create,
    start,
    pods,
    containers,
    removeAndLookAround,
  };
}
