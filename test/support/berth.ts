import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { unmountBelow } from "../../src/ground/linux/index.ts";
import {
  cliOwner,
  ListPodSandboxRequest,
  ownerLabel,
  PullImageRequest,
} from "../../src/ground/protocol/index.ts";
import { raceAbort } from "../../src/ground/sync/index.ts";
import { instanceNames } from "../../src/services/network/index.ts";
import { cleanUp } from "../../src/testing/clean-up.ts";
import { type CriClients, connectCri } from "./clients.ts";
import { type DockerOptions, TestDocker } from "./docker.ts";
import { endLeft } from "./end-left.ts";
import { testEngine } from "./engine.ts";
import { testHandler } from "./handler.ts";
import { testSnapshotter } from "./snapshotter.ts";
import { freeSubnet, largeSubnet } from "./subnet.ts";

/** Longer than a daemon may take for these, unless it hangs. */
const removalMs = 240_000;
const endMs = 90_000;

const main = new URL("../../dist/berthd.cjs", import.meta.url).pathname;

export type BerthOptions = {
  /** TOML that is appended to the harness's own. */
  readonly config?: string;
  /** Replaces the harness's bridge network; undefined writes no configuration. */
  readonly network?: object | undefined;
  /** As in the configuration file: what pods get then; "none" unless given. */
  readonly defaultNetwork?: "bridge" | "none";
  /** False if CNI plugins must run as programs; BERTH_TEST_PLUGINS=programs does that for all tests. */
  readonly builtinPlugins?: boolean;
  /** Directories of CNI plugins before the system's. */
  readonly pluginDirs?: readonly string[];
  /** As in the configuration file: how long a CNI plugin may take. */
  readonly pluginTimeout?: string;
  /** As in the configuration file: how long stopping a pod may fail because of a CNI plugin. */
  readonly giveUpAfter?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the root directory is, if not in the daemon's own directory. */
  readonly root?: string;
  /** As in the configuration file; "debug" unless given. */
  readonly logLevel?: string;
  /** "docker" starts a separate Docker Engine; BERTH_TEST_ENGINE, or "native", by default. */
  readonly engine?: "native" | "docker";
  /** How that Docker Engine is started. */
  readonly docker?: DockerOptions;
  /** Its address, if not its own socket. */
  readonly dockerHost?: string;
  /** TOML of the section [docker]. */
  readonly dockerConfig?: string;
  /** The daemon's program, if not the built one. */
  readonly program?: string;
};

/**
 * A separate berthd: root, state, socket and network under one temporary directory. Disposing it removes
 * every pod, ends the daemon and removes the directory.
 */
export class TestBerth implements AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly cniConfDir: string;
  readonly logDir: string;
  readonly #options: BerthOptions;
  readonly #network: object | undefined;
  /** With the Docker engine, the Docker Engine that only this daemon uses. */
  readonly docker: TestDocker | undefined;
  #process: ChildProcess | undefined;
  #clients: CriClients | undefined;

  private constructor(directory: string, options: BerthOptions) {
    this.directory = directory;
    this.socket = join(directory, "berth.sock");
    this.cniConfDir = join(directory, "net.d");
    this.logDir = join(directory, "logs");
    this.#options = options;
    this.#network = "network" in options ? options.network : bridgeNetwork();
    this.docker =
      (options.engine ?? testEngine) === "docker"
        ? new TestDocker(join(directory, "docker"), options.docker)
        : undefined;
  }

  static async start(options: BerthOptions = {}): Promise<TestBerth> {
    const berth = new TestBerth(await mkdtemp(join(tmpdir(), "berth-test-")), options);
    try {
      await berth.#prepare();
      await berth.startDaemon();
      return berth;
    } catch (error) {
      await berth[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    // Like /run and /var/lib: the root of a pod with a user namespace must be able to pass.
    await chmod(this.directory, 0o711);
    await Promise.all([mkdir(this.cniConfDir), mkdir(this.logDir)]);
    const file = join(this.cniConfDir, "10-test.conflist");
    if (this.#network !== undefined) await writeFile(file, JSON.stringify(this.#network));
    await writeFile(join(this.directory, "config.toml"), this.#config());
    await this.docker?.start();
  }

  #config(): string {
    const { config = "", dockerHost = this.docker?.host, dockerConfig = "" } = this.#options;
    // A test with its own section chooses the handler itself.
    const engine =
      this.docker === undefined
        ? ""
        : `[engine]\nname = "docker"\n[docker]\nhost = ${JSON.stringify(dockerHost)}\n${dockerConfig}`;
    const runtime = /^\[runtime\]$/m.test(config)
      ? ""
      : `[runtime]\ndefault_handler = ${JSON.stringify(testHandler)}`;
    const snapshotter = `[images]\nsnapshotter = ${JSON.stringify(testSnapshotter)}`;
    const images = /^snapshotter = /m.test(config)
      ? config
      : /^\[images\]$/m.test(config)
        ? config.replace(/^\[images\]$/m, snapshotter)
        : `${config}\n${snapshotter}`;
    return `
root = ${JSON.stringify(this.root)}
state = ${JSON.stringify(this.state)}
address = ${JSON.stringify(this.socket)}
[log]
level = ${JSON.stringify(this.#options.logLevel ?? "debug")}
format = "json"
[network]
default = ${JSON.stringify(this.#options.defaultNetwork ?? "none")}
builtin_plugins = ${this.#options.builtinPlugins ?? process.env.BERTH_TEST_PLUGINS !== "programs"}
conf_dir = ${JSON.stringify(this.cniConfDir)}
bin_dirs = ${JSON.stringify([...(this.#options.pluginDirs ?? []), "/usr/lib/cni"])}
plugin_timeout = ${JSON.stringify(this.#options.pluginTimeout ?? "1m")}
give_up_after = ${JSON.stringify(this.#options.giveUpAfter ?? "1m")}
${runtime}
${engine}
${images}`;
  }

  get root(): string {
    return this.#options.root ?? join(this.directory, "root");
  }

  get state(): string {
    return join(this.directory, "state");
  }

  get clients(): CriClients {
    if (this.#clients === undefined) throw new Error("the daemon is not running");
    return this.#clients;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the daemon is not running");
    return pid;
  }

  /** `by`: a program with its arguments that becomes the daemon, such as `unshare`. */
  async startDaemon(by: readonly string[] = []): Promise<void> {
    await using log = await open(join(this.directory, "berthd.log"), "a");
    const [command = "", ...args] = [...by, process.execPath];
    const child = spawn(
      command,
      // As bin/berthd starts it.
      [
        ...args,
        "--disable-sigusr1",
        "--max-semi-space-size=4",
        this.#options.program ?? main,
        "--config",
        join(this.directory, "config.toml"),
      ],
      {
        stdio: ["ignore", "ignore", log.fd],
        env: {
          ...process.env,
          MALLOC_ARENA_MAX: "1",
          CACHE_DIRECTORY: join(this.directory, "cache"),
          ...this.#options.env,
        },
      },
    );
    this.#process = child;
    const ended = once(child, "exit").then(async () => {
      throw new Error(`berthd ended:\n${await this.daemonLog()}`);
    });
    ended.catch(() => undefined);
    this.#clients = await Promise.race([connectCri(this.socket, 60_000), ended]);
  }

  /** Pulls and returns the image's id. */
  async pull(image: string): Promise<string> {
    const request = PullImageRequest.fromPartial({ image: { image } });
    return (await this.clients.images.pullImage(request)).imageRef;
  }

  /** Ends the daemon; containers keep running. SIGKILL is like a crash. */
  async stopDaemon(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#clients?.close();
    this.#clients = undefined;
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** Resolves with its exit code when the daemon has exited by itself, null if a signal ended it. */
  async ended(): Promise<number | null> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, "exit");
    await this.stopDaemon();
    return child?.exitCode ?? null;
  }

  async restartDaemon(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.stopDaemon(signal);
    await this.startDaemon();
  }

  async daemonLog(): Promise<string> {
    return readFile(join(this.directory, "berthd.log"), "utf8").catch(() => "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await cleanUp(
      `berthd in ${this.directory}`,
      () => this.#clients && raceAbort(this.#removePods(this.#clients), AbortSignal.timeout(removalMs)),
      () => this.#endDaemon(),
      () => this.docker?.[Symbol.asyncDispose](),
      // Of a daemon that could not be restarted, or could not remove its pods.
      () => endLeft(this.directory),
      () => this.#removeRules(),
      () => this.#removeBridge(),
      () => unmountBelow(this.root),
      () => unmountBelow(this.directory),
      () => rm(this.directory, { recursive: true, force: true }),
    );
  }

  /** One that hangs is killed. */
  async #endDaemon(): Promise<void> {
    const child = this.#process;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child?.kill("SIGKILL");
    }, endMs);
    await this.stopDaemon().finally(() => clearTimeout(timer));
    if (isLate) throw new Error(`berthd did not end in ${endMs / 1000} s`);
  }

  /** The daemon leaves its table for the next pod; those of hundreds of daemons slow down listing them. */
  async #removeRules(): Promise<void> {
    const { table } = instanceNames(this.root);
    await promisify(execFile)("nft", ["delete", "table", "inet", table]).catch(() => undefined);
  }

  /** CNI plugins leave the bridge for the next pod. */
  async #removeBridge(): Promise<void> {
    const bridge = /"bridge":"(\w+)"/.exec(JSON.stringify(this.#network ?? {}))?.[1];
    if (bridge !== undefined)
      await promisify(execFile)("ip", ["link", "delete", bridge]).catch(() => undefined);
  }

  async #removePods({ runtime }: CriClients): Promise<void> {
    const filters = [{}, { labelSelector: { [ownerLabel]: cliOwner } }].map((filter) =>
      ListPodSandboxRequest.fromPartial({ filter }),
    );
    const lists = await Promise.all(filters.map((filter) => runtime.listPodSandbox(filter)));
    const items = lists.flatMap((list) => list.items);
    await Promise.all(items.map(({ id }) => runtime.removePodSandbox({ podSandboxId: id })));
  }
}

/**
 * A bridge and a subnet that no other test uses; for a benchmark without port mappings, and with addresses
 * for thousands of pods.
 */
export function bridgeNetwork({ benchmark = false }: { readonly benchmark?: boolean } = {}): object {
  const subnet = benchmark ? largeSubnet() : freeSubnet();
  const name = `bt${randomInt(1e6, 1e7)}`;
  return {
    cniVersion: "1.0.0",
    name,
    plugins: [
      {
        type: "bridge",
        bridge: name,
        isGateway: true,
        ipMasq: true,
        ipam: { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
      ...(benchmark ? [] : [{ type: "portmap", capabilities: { portMappings: true } }]),
    ],
  };
}
