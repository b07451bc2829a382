import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bridgeNetwork } from "../test/support/berth.ts";
import { type CriClients, connectCri } from "../test/support/clients.ts";

/**
 * The peer: a containerd with a root, state, socket and network of its own, runc and the same kind of
 * bridge.
 */
export class PeerContainerd implements AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly clients: CriClients;
  readonly pid: number;
  readonly #process: ChildProcess;

  private constructor(directory: string, process: ChildProcess, clients: CriClients) {
    this.directory = directory;
    this.socket = join(directory, "containerd.sock");
    this.#process = process;
    this.clients = clients;
    this.pid = process.pid ?? 0;
  }

  /**
   * `pauseImage` is a reference in a registry that answers plain HTTP on loopback. Its programs are the
   * machine's, unless there are others in `programs`, a directory; its data lie in `root`.
   */
  static async start(
    pauseImage: string,
    { programs, root }: { readonly programs?: string | undefined; readonly root?: string } = {},
  ): Promise<PeerContainerd> {
    const directory = await mkdtemp(join(tmpdir(), "berth-test-peer-"));
    await mkdir(join(directory, "net.d"));
    await writeFile(
      join(directory, "net.d", "10-peer.conflist"),
      JSON.stringify(bridgeNetwork({ plain: true })),
    );
    await writeFile(
      join(directory, "config.toml"),
      configuration(directory, root ?? join(directory, "root"), pauseImage),
    );
    await using log = await open(join(directory, "containerd.log"), "a");
    const PATH = [programs ?? [], process.env.PATH ?? []].flat().join(":");
    const child = spawn("containerd", ["--config", join(directory, "config.toml")], {
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, PATH },
    });
    const ended = once(child, "exit").then(async () => {
      throw new Error(`containerd ended:\n${await readFile(join(directory, "containerd.log"), "utf8")}`);
    });
    ended.catch(() => undefined);
    const clients = await Promise.race([connectCri(join(directory, "containerd.sock"), 20_000), ended]);
    return new PeerContainerd(directory, child, clients);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { runtime } = this.clients;
    const { items } = await runtime.listPodSandbox({ filter: undefined });
    for (const { id } of items) {
      await runtime.stopPodSandbox({ podSandboxId: id });
      await runtime.removePodSandbox({ podSandboxId: id });
    }
    this.clients.close();
    const exited = once(this.#process, "exit");
    this.#process.kill();
    await exited;
    await rm(this.directory, { recursive: true, force: true });
  }
}

function configuration(directory: string, root: string, pauseImage: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  return `
version = 2
root = ${JSON.stringify(root)}
state = ${path("state")}
[grpc]
address = ${path("containerd.sock")}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${JSON.stringify(pauseImage)}
restrict_oom_score_adj = true
stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${path("net.d")}
[plugins."io.containerd.internal.v1.opt"]
path = ${path("opt")}
`;
}
