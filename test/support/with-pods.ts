import { mkdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { stringify } from "yaml";
import { type Client, connectEndpoint } from "../../src/clients/criclient/index.ts";
import {
  isOfKind,
  Manager,
  type ManagerOptions,
  noPersistence,
  type StoredPod,
} from "../../src/clients/manager/index.ts";
import { readManifests } from "../../src/clients/manifests/index.ts";
import { podStats } from "../../src/clients/podlife/index.ts";
import { type Clock, systemClock } from "../../src/ground/clock/index.ts";
import { mount, unmount } from "../../src/ground/linux/index.ts";
import { ImageStatusRequest } from "../../src/ground/protocol/index.ts";
import { pushImage } from "../../src/testing/registry.ts";
import { busyboxImage } from "./busybox.ts";
import { cliOutput } from "./cli.ts";
import { eventually } from "./condition.ts";
import { withBerth } from "./with-berth.ts";

export type TestPodsOptions = Pick<ManagerOptions, "limits"> & {
  /** Pods have a file system of their own, of this size and with as many inodes. */
  readonly disk?: { readonly bytes: number; readonly inodes?: number };
  readonly clock?: Clock;
  /** Something has happened to a pod, by its reason. */
  readonly onEvent?: (reason: string) => void;
};

/** Pods that a manager of the test's own runs on a berth of the test's own. */
export class TestPods {
  readonly #host = withBerth();
  /** What happened to all of them. */
  readonly events: string[] = [];
  readonly #disk: string | undefined;
  readonly #onEvent: (reason: string) => void;
  #client: Client | undefined;
  #manager: Manager | undefined;

  constructor({ limits, disk, clock = systemClock, onEvent }: TestPodsOptions = {}) {
    this.#onEvent = onEvent ?? (() => {});
    this.#disk = disk === undefined ? undefined : join(tmpdir(), `berth-test-disk-${process.pid}`);
    before(async () => {
      if (disk !== undefined) {
        await mkdir(this.dataDir, { recursive: true });
        const data = `size=${disk.bytes},nr_inodes=${disk.inodes ?? 0}`;
        await mount({ source: "tmpfs", target: this.dataDir, type: "tmpfs", data });
      }
      await this.#open({ clock, ...(limits !== undefined && { limits }) });
    });
    after(async () => {
      await this.#manager?.[Symbol.asyncDispose]();
      this.#client?.[Symbol.dispose]();
      if (this.#disk === undefined) return;
      await unmount(this.#disk, { detach: true, missingOk: true });
      await rmdir(this.#disk);
    });
  }

  async #open(more: Pick<ManagerOptions, "limits" | "clock">): Promise<void> {
    const { berth } = this.#host;
    const signal = new AbortController().signal;
    this.#client = await connectEndpoint(berth.socket, { signal, timeoutMs: 60_000 });
    this.#manager = await Manager.open({
      client: this.#client,
      persistence: noPersistence,
      dataDir: this.dataDir,
      logRoot: berth.logDir,
      credentials: async () => undefined,
      onEvent: (_, { reason, message }) => {
        this.events.push(`${reason}: ${message}`);
        this.#onEvent(reason);
      },
      ...more,
    });
  }

  /** Where pods and claims have their directories. */
  get dataDir(): string {
    return this.#disk ?? join(this.#host.berth.directory, "manager");
  }

  get manager(): Manager {
    if (this.#manager === undefined) throw new Error("the manager is not open yet");
    return this.#manager;
  }

  /** A container that runs a script, and then until it is ended. */
  container(more: object = {}, script = "true"): object {
    const forEver = "trap 'exit 0' TERM; while true; do sleep 0.1; done";
    return {
      name: "main",
      image: this.#host.image,
      imagePullPolicy: "IfNotPresent",
      command: ["sh", "-c", `${script}; ${forEver}`],
      ...more,
    };
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.manager.apply(manifestsOf(objects));
  }

  /** Makes a pod that runs anew, of another specification. */
  async replace(name: string, spec: object): Promise<void> {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec };
    await this.manager.apply(manifestsOf([pod]), { replace: true });
  }

  /** Runs a pod; it is removed when it is disposed of. */
  async run(
    name: string,
    spec: object,
    metadata: object = {},
  ): Promise<AsyncDisposable & { readonly uid: string }> {
    await this.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, ...metadata },
      spec: { terminationGracePeriodSeconds: 2, ...spec },
    });
    return { uid: this.pod(name).uid, [Symbol.asyncDispose]: () => this.remove(name) };
  }

  async remove(name: string): Promise<void> {
    const { uid } = await this.manager.delete({ kind: "Pod", namespace: "default", name }, 1);
    await this.manager.waitUntilGone(uid);
  }

  pod(name: string): StoredPod {
    const found = this.manager.get({ kind: "Pod", namespace: "default", name });
    if (found === undefined || !isOfKind(found, "Pod")) throw new Error(`there is no pod ${name}`);
    return found;
  }

  status(name: string) {
    const found = this.pod(name).status?.pod;
    if (found === undefined) throw new Error(`pod ${name} has no status`);
    return found;
  }

  /** Pulls an image that no pod is of. Returns whether it is still there. */
  async pullUnused(name: string): Promise<() => Promise<boolean>> {
    const { berth, registry } = this.#host;
    await pushImage(registry, name, "latest", await busyboxImage({ config: { Cmd: [name] } }));
    const reference = `${registry.host}/${name}:latest`;
    await berth.pull(reference);
    return async () =>
      (
        await berth.clients.images.imageStatus(
          ImageStatusRequest.fromPartial({ image: { image: reference } }),
        )
      ).image !== undefined;
  }

  async ready(name: string): Promise<void> {
    await eventually(
      `pod ${name} is ready`,
      async () =>
        (this.pod(name).status?.pod?.conditions ?? []).some(
          ({ type, status }) => type === "Ready" && status === "True",
        ),
      { limitMs: 60_000 },
    );
  }

  /** Why a container waits; undefined while it does not. */
  waitingReason(name: string, index = 0): string | undefined {
    const state = this.#container(name, index)?.state;
    return state !== undefined && "waiting" in state ? state.waiting.reason : undefined;
  }

  containerId(name: string, index = 0): string {
    return this.#container(name, index)?.containerID?.replace(/^.*:\/\//, "") ?? "";
  }

  /** Of that number in the pod's manifest. */
  #container(name: string, index: number) {
    const { manifest, status } = this.pod(name);
    const wanted = manifest.spec.containers[index]?.name;
    return status?.pod?.containerStatuses.find((one) => one.name === wanted);
  }

  /** What a pod takes of the memory. */
  async memoryBytes(name: string): Promise<number> {
    if (this.#client === undefined) throw new Error("the manager is not open yet");
    return (await podStats(this.#client, this.pod(name).uid)).memoryBytes;
  }

  /** What a command in a pod's container prints. */
  async exec(name: string, ...command: readonly string[]): Promise<string> {
    return await cliOutput(this.#host.berth, "exec", this.containerId(name), ...command);
  }
}

function manifestsOf(objects: readonly object[]) {
  const text = objects.map((one) => stringify(one)).join("---\n");
  return readManifests([{ file: "test", text }]).manifests;
}
