import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { cgroupLayout } from "../../src/ground/linux/index.ts";
import { containerd } from "../../src/ground/protocol/index.ts";
import { removeCgroup } from "../../src/services/runtime/index.ts";
import { busyboxImage } from "./busybox.ts";
import { type ContainerdClients, writeBlob } from "./containerd.ts";

const { Descriptor, Mount } = containerd.types;
const snapshotter = "overlayfs";

export type ClientContainer = {
  readonly id: string;
  readonly args: readonly string[];
  /** Other fields of its specification's process. */
  readonly process?: object;
  /** Other fields of its specification. */
  readonly spec?: object;
  readonly runtime?: containerd.containersV1.Container_Runtime;
  /** Labels of its writable snapshot. */
  readonly snapshotLabels?: Record<string, string>;
};

/**
 * Containers of busybox that a client of containerd's creates itself in a namespace. Disposing of it deletes
 * their tasks, their cgroups and the FIFOs.
 */
export class ClientContainers implements AsyncDisposable {
  readonly namespace: string;
  readonly directory: string;
  readonly #clients: ContainerdClients;
  #count = 0;

  private constructor(clients: ContainerdClients, namespace: string, directory: string) {
    this.namespace = namespace;
    this.directory = directory;
    this.#clients = clients;
  }

  /** Unpacks the image as clients do. */
  static async open(clients: ContainerdClients, name: string): Promise<ClientContainers> {
    const namespace = `${name}-${process.pid}`;
    const directory = await mkdtemp(join(tmpdir(), "berth-client-"));
    const { snapshots, diff } = clients.in(namespace);
    const { mounts } = await snapshots.prepare({ snapshotter, key: "extract", parent: "", labels: {} });
    const layers = [...(await busyboxImage()).blobs.values()].filter(({ mediaType }) =>
      /layer/.test(mediaType),
    );
    for (const { mediaType, bytes } of layers) {
      const digest = await writeBlob(clients, namespace, bytes);
      const layer = Descriptor.fromPartial({ mediaType, digest, size: BigInt(bytes.length) });
      await diff.apply({ diff: layer, mounts, payloads: {}, syncFs: false });
    }
    await snapshots.commit({ snapshotter, name: "busybox", key: "extract", labels: {}, parent: "" });
    return new ClientContainers(clients, namespace, directory);
  }

  /** Clients for the namespace. */
  get api() {
    return this.#clients.in(this.namespace);
  }

  /** Creates a container with its own snapshot; returns the mounts for its task. */
  async create({ id, args, process = {}, spec = {}, runtime, snapshotLabels = {} }: ClientContainer) {
    const { snapshots, containers } = this.api;
    const labels = snapshotLabels;
    const { mounts } = await snapshots.prepare({ snapshotter, key: id, parent: "busybox", labels });
    const whole = { ...busyboxSpec(args, process), ...spec };
    const container = containerd.containersV1.Container.fromPartial({
      id,
      runtime: runtime ?? { name: "io.containerd.runc.v2" },
      snapshotter,
      snapshotKey: id,
      spec: {
        typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
        value: Buffer.from(JSON.stringify(whole)),
      },
    });
    await containers.create({ container });
    return mounts;
  }

  /** Creates a container and its task, which is not started. */
  async task(container: ClientContainer, asked: Partial<containerd.tasksV1.CreateTaskRequest> = {}) {
    const rootfs = (await this.create(container)).map((mount) => Mount.fromPartial(mount));
    return this.createTask({ containerId: container.id, rootfs, ...asked });
  }

  createTask(asked: Partial<containerd.tasksV1.CreateTaskRequest>) {
    return this.api.tasks.create(containerd.tasksV1.CreateTaskRequest.fromPartial(asked));
  }

  /** FIFOs like those of clients. */
  async fifos() {
    const paths = ["stdin", "stdout", "stderr"].map((name) => join(this.directory, `${this.#count}-${name}`));
    this.#count++;
    await promisify(execFile)("mkfifo", ["-m", "600", ...paths]);
    const [stdin = "", stdout = "", stderr = ""] = paths;
    return { stdin, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using steps = new AsyncDisposableStack();
    steps.defer(() => rm(this.directory, { recursive: true, force: true }));
    const layout = await cgroupLayout();
    if (layout !== undefined) steps.defer(() => removeCgroup(layout, `/${this.namespace}`));
    const { tasks } = this.api;
    for (const { containerId } of (await tasks.list({ filter: "" })).tasks) {
      await tasks.kill({ containerId, execId: "", signal: 9, all: true });
      await tasks.wait({ containerId, execId: "" });
      await tasks.delete({ containerId });
    }
  }
}

/** Like ctr's, with less confinement. */
function busyboxSpec(args: readonly string[], process: object): object {
  const mounts = [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
  ];
  return {
    ociVersion: "1.3.0",
    process: { user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin"], cwd: "/", ...process },
    root: { path: "rootfs" },
    mounts,
    linux: { namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })) },
  };
}
