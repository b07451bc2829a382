import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bridgeNetwork } from "../test/support/berth.ts";
import { type CriClients, connectCri } from "../test/support/clients.ts";

const program = new URL("../node_modules/.cache/cri-dockerd/cri-dockerd", import.meta.url).pathname;

/** The peer: a cri-dockerd over a Docker Engine, with a socket and a bridge of its own. */
export class PeerCriDockerd implements AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly clients: CriClients;
  readonly pid: number;
  readonly #process: ChildProcess;

  private constructor(directory: string, process: ChildProcess, clients: CriClients) {
    this.directory = directory;
    this.socket = socketOf(directory);
    this.#process = process;
    this.clients = clients;
    this.pid = process.pid ?? 0;
  }

  /** `pauseImage` is the name of an image that the engine has. */
  static async start(dockerHost: string, pauseImage: string): Promise<PeerCriDockerd> {
    await access(program).catch((cause: unknown) => {
      throw new Error(`${program} is missing: run sh scripts/cri-dockerd-program.sh`, { cause });
    });
    const directory = await mkdtemp(join(tmpdir(), "berth-test-peer-"));
    const confDir = join(directory, "net.d");
    await mkdir(confDir);
    await writeFile(join(confDir, "10-peer.conflist"), JSON.stringify(bridgeNetwork({ plain: true })));
    await using log = await open(join(directory, "cri-dockerd.log"), "a");
    const child = spawn(
      program,
      [
        ...["--container-runtime-endpoint", `unix://${socketOf(directory)}`, "--docker-endpoint", dockerHost],
        ...["--cri-dockerd-root-directory", join(directory, "root")],
        ...["--pod-infra-container-image", pauseImage, "--network-plugin", "cni"],
        ...["--cni-conf-dir", confDir, "--cni-bin-dir", "/usr/lib/cni"],
        ...["--cni-cache-dir", join(directory, "cni"), "--streaming-bind-addr", "127.0.0.1:0"],
      ],
      { stdio: ["ignore", log.fd, log.fd] },
    );
    const ended = once(child, "exit").then(async () => {
      throw new Error(`cri-dockerd ended:\n${await readFile(join(directory, "cri-dockerd.log"), "utf8")}`);
    });
    ended.catch(() => undefined);
    const clients = await Promise.race([connectCri(socketOf(directory), 20_000), ended]);
    return new PeerCriDockerd(directory, child, clients);
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

const socketOf = (directory: string) => join(directory, "cri-dockerd.sock");
