import { execFile } from "node:child_process";
import { randomInt } from "node:crypto";
import { readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { serviceNetworkName } from "../../src/clients/servicenet/index.ts";
import { isErrno } from "../../src/ground/fs/index.ts";
import { cleanUp } from "../../src/testing/clean-up.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { eventually } from "./condition.ts";
import { freeSubnet } from "./subnet.ts";

const run = promisify(execFile);
const program = new URL("./cut-daemon.ts", import.meta.url).pathname;

export type CrashingBerthOptions = Pick<
  BerthOptions,
  "pluginDirs" | "builtinPlugins" | "config" | "engine" | "docker"
> & {
  /** The built daemon, which cannot be killed at a step; false by default. */
  readonly built?: boolean;
};

/**
 * A daemon that can be killed at a step, and everything that distinguishes its pods from those of other
 * tests.
 */
export class CrashingBerth implements AsyncDisposable {
  readonly berth: TestBerth;
  /** For pods, so that their cgroups can be recognized by name. */
  readonly cgroupParent: string;
  readonly #cutFile: string;
  readonly #network: string;
  readonly #opened: AsyncDisposableStack;

  private constructor(berth: TestBerth, name: string, cutFile: string, opened: AsyncDisposableStack) {
    this.berth = berth;
    this.cgroupParent = `/${name}`;
    this.#network = name;
    this.#cutFile = cutFile;
    this.#opened = opened;
  }

  static async start(options: CrashingBerthOptions = {}): Promise<CrashingBerth> {
    await using opened = new AsyncDisposableStack();
    const directory = opened.use(await tempDir());
    const cutFile = join(directory.path, "cut");
    const name = `cut${randomInt(1e6, 1e7)}`;
    const env = { BERTH_CUT_FILE: cutFile, NODE_COMPILE_CACHE: join(directory.path, "compiled") };
    const { built = false, ...rest } = options;
    const network = networkOf(name);
    // The pods' parent must be removed by their client, like a kubelet's.
    opened.defer(() => removeCgroups(`/${name}`));
    const berth = opened.use(await TestBerth.start({ ...rest, ...(!built && { program }), env, network }));
    return new CrashingBerth(berth, name, cutFile, opened.move());
  }

  /** Kills the daemon before the step with that name; the call, or what it caused, must reach the step. */
  async cutAt(step: string, call: () => Promise<unknown>): Promise<void> {
    await writeFile(this.#cutFile, step);
    await call().catch(() => undefined);
    await this.berth.ended();
  }

  /** Kills the Docker Engine before the step with that name, and restarts it. */
  async cutDockerAt(step: string, call: () => Promise<unknown>): Promise<void> {
    const docker = this.berth.docker;
    if (docker === undefined) throw new Error("this daemon has no Docker Engine");
    await writeFile(this.#cutFile, `${step}\n${docker.pid}`);
    await call().catch(() => undefined);
    await docker.ended();
    await docker.start();
    await this.engineIsThere();
  }

  /** Resolves when a Docker Engine that was restarted is used again. */
  async engineIsThere(): Promise<void> {
    await eventually("the engine is there again", async () => {
      const { status } = await this.berth.clients.runtime.status({ verbose: false });
      return status?.conditions.every((condition) => condition.status);
    });
  }

  /**
   * What the pods of this daemon currently have on the machine, in a form that does not depend on the time.
   */
  async traces(): Promise<readonly string[]> {
    const [mounts, processes, cgroups, links, bridges, rules, nftables, files, containers] =
      await Promise.all([
        this.#mounts(),
        this.#processes(),
        directoriesNamed("/sys/fs/cgroup", this.cgroupParent),
        outputLines("ip", "-o", "link", "show", "master", this.#network),
        outputLines("ip", "-o", "link", "show", "type", "bridge"),
        outputLines("iptables-save"),
        outputLines("nft", "list", "ruleset"),
        this.#files(),
        this.berth.docker?.containers() ?? [],
      ]);
    return [
      ...mounts.map((point) => `mount ${point}`),
      ...processes.map(({ pid, command }) => `process ${pid} ${command}`),
      ...cgroups.map((directory) => `cgroup ${directory}`),
      // One that is prepared for the next pod is removed with the daemon.
      ...links.filter((link) => !link.includes("alias prepared by berth")).map((link) => `link ${link}`),
      ...bridges.filter((link) => link.includes(this.#serviceNetwork)).map((link) => `services ${link}`),
      ...rules.filter((rule) => rule.includes(this.#network)).map((rule) => `rule ${rule}`),
      ...[...nftables.join("\n").matchAll(/comment "([^"]*)"/g)]
        .filter(([, note]) => note?.endsWith(` ${this.#network}`))
        .map(([, note]) => `element of ${note}`),
      ...files.map((file) => `file ${file}`),
      ...containers.map((container) => `container ${container}`),
    ];
  }

  get #serviceNetwork(): string {
    return serviceNetworkName(join(this.berth.root, "manager"));
  }

  /** Waits until only what existed before is left. */
  async returnsTo(before: readonly string[]): Promise<void> {
    let left: readonly string[] = [];
    await eventually("nothing is left", async () => {
      left = (await this.traces()).filter((trace) => !before.includes(trace));
      return left.length === 0;
    }).catch((cause) => {
      throw new Error(`left behind:\n${left.join("\n")}`, { cause });
    });
  }

  /**
   * Reproduces what a power failure leaves of this daemon and its pods: files on disk, but no process, mount
   * or cgroup, and nothing of the state directory, which normally is on a tmpfs.
   */
  async loseMachine(): Promise<void> {
    const { items } = await this.berth.clients.runtime.listPodSandbox({ filter: undefined });
    await this.berth.stopDaemon("SIGKILL");
    await eventually("all processes are gone", async () => {
      const left = await this.#processes();
      for (const { pid } of left) killIfThere(pid);
      return left.length === 0;
    });
    for (const point of (await this.#mounts()).toReversed()) await run("umount", ["--lazy", point]);
    await removeCgroups(this.cgroupParent);
    // The manager's pods without requests and limits have theirs here.
    for (const { metadata } of items) await removeCgroups(`/berth/besteffort/pod${metadata?.uid}`);
    await rm(this.berth.state, { recursive: true });
  }

  async #mounts(): Promise<readonly string[]> {
    const points = (await readFile("/proc/self/mountinfo", "utf8"))
      .split("\n")
      .map((line) => line.split(" ")[4]);
    // Of a container that dockerd was creating (20.10) or starting (29) when it was killed; Docker keeps no
    // record of it.
    const isDockers = (point: string) =>
      this.berth.docker?.wasKilled === true &&
      /\/docker\/data\/(?:overlay2\/\w+-init\/merged|rootfs\/overlayfs\/\w+)$/.test(point);
    return points.flatMap((point) =>
      point?.startsWith(this.berth.directory) && !isDockers(point) ? [point] : [],
    );
  }

  /**
   * Processes that have the daemon's directory in their arguments, or mounts of it; not the daemon itself,
   * and not a Docker Engine.
   */
  async #processes(): Promise<readonly { readonly pid: number; readonly command: string }[]> {
    const { directory } = this.berth;
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const own = await readFile("/proc/self/mountinfo", "utf8");
    const found = pids.map(async (pid) => {
      const command = (await read(pid, "cmdline")).replaceAll("\0", " ");
      if (command === "" || /cut-daemon\.ts|berthd\.c?js/.test(command)) return [];
      if (/^\S*(?:dockerd|containerd) /.test(command)) return [];
      const told = [command, await read(pid, "environ")].some((text) => text.includes(directory));
      const mounted = (await read(pid, "mountinfo"))
        .split("\n")
        .some((line) => line.includes(directory) && !own.includes(line));
      return told || mounted ? [{ pid: Number(pid), command }] : [];
    });
    return (await Promise.all(found)).flat();
  }

  /** The directories and files of each pod or container; addresses of CNI's host-local are files, too. */
  async #files(): Promise<readonly string[]> {
    const { state, root } = this.berth;
    const directories = [
      ...["sandboxes", "containers", "exits", "runtimes/crun", "runtimes/runc"].map((name) =>
        join(state, name),
      ),
      ...["network", "snapshots/overlayfs/k8s.io", "content/ingest/k8s.io"].map((name) => join(root, name)),
      ...["sandboxes", "unfinished", "execs", "removed"].map((name) => join(state, "docker", name)),
      join(root, "docker", "network"),
      `/var/lib/cni/networks/${this.#network}`,
    ];
    const names = await Promise.all(
      directories.map(async (directory) =>
        (await readdir(directory).catch(() => [])).map((name) => join(directory, name)),
      ),
    );
    return names.flat().filter((name) => !/last_reserved_ip|\/lock$|\/empty$/.test(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await cleanUp("a daemon that can be cut off", () => this.#opened.disposeAsync());
  }
}

/** The bridge has the network's name. */
function networkOf(name: string): object {
  const subnet = freeSubnet();
  const ipam = { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] };
  return {
    cniVersion: "1.0.0",
    name,
    plugins: [
      { type: "bridge", bridge: name, isGateway: true, ipMasq: true, ipam },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  };
}

async function outputLines(command: string, ...args: readonly string[]): Promise<readonly string[]> {
  // Without the bridge, it has no links either.
  const { stdout } = await run(command, args).catch(() => ({ stdout: "" }));
  return stdout.split("\n").filter((line) => line !== "");
}

/** Directories below `root` with that name in their path, outermost first. */
async function directoriesNamed(root: string, name: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const directories = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
  const below = await Promise.all(directories.map((directory) => directoriesNamed(directory, name)));
  return [...directories.filter((path) => path.includes(`${name}/`)), ...below.flat()];
}

/** The containers' cgroups first, then the pods' parent in each hierarchy. */
async function removeCgroups(parent: string): Promise<void> {
  const children = await directoriesNamed("/sys/fs/cgroup", parent);
  const hierarchies = await readdir("/sys/fs/cgroup");
  const parents = hierarchies.map((hierarchy) => join("/sys/fs/cgroup", hierarchy, parent));
  for (const directory of [...children.toReversed(), ...parents]) {
    await rmdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
    });
  }
}

/** Others end with the first process of their PID namespace. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
