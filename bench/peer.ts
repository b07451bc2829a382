import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unmountBelow } from "../src/ground/linux/index.ts";
import { bridgeNetwork } from "../test/support/berth.ts";
import { type CriClients, connectCri } from "../test/support/clients.ts";

/** The paths that a peer must use. */
export interface PeerPlaces {
  /** Removed when the peer ends. */
  readonly directory: string;
  /** Where it must serve CRI. */
  readonly socket: string;
  /** Contains a bridge configuration for it. */
  readonly netDir: string;
}

/** How a peer is started: with configuration files in its directory, by their names, and arguments. */
export interface PeerCommand {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Another CRI runtime for comparison, with its own socket, data and bridge; it is stopped when this is
 * disposed of.
 */
export class Peer implements AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly clients: CriClients;
  readonly pid: number;
  readonly #process: ChildProcess;

  private constructor({ directory, socket }: PeerPlaces, process: ChildProcess, clients: CriClients) {
    this.directory = directory;
    this.socket = socket;
    this.#process = process;
    this.clients = clients;
    this.pid = process.pid ?? 0;
  }

  /** Starts it and waits until it serves. Throws with its log if it exits before. */
  static async start(command: (places: PeerPlaces) => PeerCommand): Promise<Peer> {
    const directory = await mkdtemp(join(tmpdir(), "berth-test-peer-"));
    const places = { directory, socket: join(directory, "cri.sock"), netDir: join(directory, "net.d") };
    await mkdir(places.netDir);
    await writeFile(
      join(places.netDir, "10-peer.conflist"),
      JSON.stringify(bridgeNetwork({ benchmark: true })),
    );
    const { program, arguments: given, files = {}, env = {} } = command(places);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const logPath = join(directory, "peer.log");
    await using log = await open(logPath, "a");
    const child = spawn(program, given, {
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...env },
    });
    const ended = once(child, "exit").then(async () => {
      throw new Error(`${program} ended:\n${await readFile(logPath, "utf8")}`);
    });
    ended.catch(() => undefined);
    const clients = await Promise.race([connectCri(places.socket, 20_000), ended]);
    return new Peer(places, child, clients);
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
    // Mounts for its clients may outlive it.
    await unmountBelow(this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }
}
