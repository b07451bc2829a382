import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PullImageRequest } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { bridgeNetwork, TestBerth } from "../test/support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "../test/support/busybox.ts";
import { clientProgram } from "../test/support/client-programs.ts";
import type { CriClients } from "../test/support/clients.ts";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import { startContainerd } from "./containerd.ts";
import type { Peer } from "./peer.ts";

/** A measured runtime. */
export type Subject = {
  readonly name: "berth" | "containerd";
  readonly clients: CriClients;
  readonly socket: string;
  /** The runtime's own directory, which contains everything that belongs to it. */
  readonly directory: string;
  readonly logs: string;
  /** The daemon's pid. */
  readonly pid: number;
};

/** berth and containerd, each with its own bridge and with the busybox image pulled. */
export class RuntimePair implements AsyncDisposable {
  readonly image: string;
  /** berth first. */
  readonly subjects: readonly [Subject, Subject];
  readonly #parts: AsyncDisposableStack;

  private constructor(image: string, berth: TestBerth, peer: Peer, parts: AsyncDisposableStack) {
    this.image = image;
    this.subjects = [
      {
        name: "berth",
        clients: berth.clients,
        socket: berth.socket,
        directory: berth.directory,
        logs: berth.logDir,
        pid: berth.pid,
      },
      {
        name: "containerd",
        clients: peer.clients,
        socket: peer.socket,
        directory: peer.directory,
        logs: join(peer.directory, "logs"),
        pid: peer.pid,
      },
    ];
    this.#parts = parts;
  }

  /**
   * Uses the containerd that scripts/clients-programs.sh has built, if there is one, otherwise the machine's.
   */
  static async start(): Promise<RuntimePair> {
    await using parts = new AsyncDisposableStack();
    const registry = parts.use(await startBusyboxRegistry());
    const pauseImage = await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } });
    await pushImage(registry, "pause", "latest", pauseImage);
    const disk = await mkdtemp(join(tmpdir(), "berth-bench-"));
    parts.defer(() => rm(disk, { recursive: true, force: true }));
    // Their state is in memory, as in /run, and their data on the disk.
    process.env.TMPDIR = "/dev/shm";
    const berth = parts.use(
      await TestBerth.start({
        network: bridgeNetwork({ benchmark: true }),
        logLevel: "info",
        root: join(disk, "berth"),
      }),
    );
    const pause = `${registry.host}/pause:latest`;
    const peer = parts.use(
      await startContainerd(pause, { programs: clientProgram(""), root: join(disk, "containerd") }),
    );
    const { runtimeName, runtimeVersion } = await peer.clients.runtime.version({ version: "v1" });
    console.error(`beside ${runtimeName} ${runtimeVersion}`);
    const image = { image: registry.image };
    for (const { images } of [berth.clients, peer.clients])
      await images.pullImage(PullImageRequest.fromPartial({ image }));
    return new RuntimePair(registry.image, berth, peer, parts.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

/** Runs a pod with one container, in which a shell runs `script`. */
export async function runPod(
  { clients: { runtime }, logs }: Subject,
  image: string,
  name: string,
  script: string,
): Promise<{ readonly podId: string; readonly containerId: string }> {
  const sandboxConfig = podConfig(name, { logDirectory: join(logs, name) });
  const { podSandboxId: podId } = await runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" });
  const config = shellConfig("main", image, script);
  const { containerId } = await runtime.createContainer({ podSandboxId: podId, config, sandboxConfig });
  await runtime.startContainer({ containerId });
  return { podId, containerId };
}
