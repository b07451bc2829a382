import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { cgroupLayout, killProcessTree, unmountBelow } from "../../src/ground/linux/index.ts";
import { removeCgroup } from "../../src/services/runtime/index.ts";
import { eventually } from "./condition.ts";

export type DockerOptions = {
  /** It has its own bridge, with this address: "172.31.9.1/24". Without it, it has none. */
  readonly bridge?: string;
  /** It also listens on this port of localhost, and requires a certificate that the first one has signed. */
  readonly tls?: { readonly port: number; readonly certFile: string; readonly keyFile: string };
  /** Where it looks for CDI devices; only newer engines support that. */
  readonly cdiDirs?: readonly string[];
  /** Path of the OCI runtime that it starts instead of runc. */
  readonly runtime?: string;
  /** The default driver of containers' logs, with its options. */
  readonly logs?: { readonly driver: string; readonly options?: Readonly<Record<string, string>> };
  /**
   * Its containers have user namespaces: it sees other /etc/subuid and /etc/subgid files than the machine's.
   */
  readonly userNamespaces?: boolean;
  /** Its containers have no_new_privs by default. */
  readonly noNewPrivileges?: boolean;
  /** Containers keep running while the engine is down. */
  readonly liveRestore?: boolean;
  /**
   * Names of registries that are reached without TLS, through this proxy: "http://127.0.0.1:40123"; and the
   * proxy through which TLS is tried.
   */
  readonly registries?: {
    readonly names: readonly string[];
    readonly proxy: string;
    readonly tlsProxy: string;
  };
};

const run = promisify(execFile);

/** Directory of another Docker Engine than the machine's, from scripts/newer-docker.sh. */
const programs = process.env.BERTH_TEST_DOCKER;
/** "containerd" if it stores images as containerd does, which is Docker Engine 29's default. */
const imageStore = process.env.BERTH_TEST_DOCKER_IMAGES;

/** Whether it is another Docker Engine than the machine's: a newer one. */
export const isNewerDocker = programs !== undefined;

function tlsArguments({ certFile, keyFile }: NonNullable<DockerOptions["tls"]>): readonly string[] {
  return ["--tlsverify", "--tlscacert", certFile, "--tlscert", certFile, "--tlskey", keyFile];
}

/**
 * A test's own Docker Engine, below a directory. It creates no packet filters and, by default, no bridge:
 * pods have CNI networks.
 */
export class TestDocker implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: DockerOptions;
  /** Not the default `docker0`: an engine without a bridge removes that, whoever created it. */
  readonly #bridge = `dk${randomInt(1e6, 1e7)}`;
  /** For containers that name no other. */
  readonly #cgroup = `/berth-test-docker-${randomInt(1e6, 1e7)}`;
  #process: ChildProcess | undefined;
  #wasKilled = false;

  constructor(directory: string, options: DockerOptions = {}) {
    this.#directory = directory;
    this.#options = options;
  }

  get socket(): string {
    return join(this.#directory, "docker.sock");
  }

  get host(): string {
    return `unix://${this.socket}`;
  }

  /** Whether it was killed at least once, at whatever it was doing. */
  get wasKilled(): boolean {
    return this.#wasKilled;
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const { liveRestore = false, registries, bridge, tls, runtime, cdiDirs = [], logs } = this.#options;
    if (bridge !== undefined) await makeBridge(this.#bridge, bridge);
    await using log = await open(join(this.#directory, "dockerd.log"), "a");
    const [program = "", ...before] = await this.#command();
    const child = spawn(
      program,
      [
        ...before,
        ...["--data-root", join(this.#directory, "data"), "--exec-root", join(this.#directory, "exec")],
        ...["--pidfile", join(this.#directory, "pid"), "-H", this.host],
        ...["--iptables=false", "--ip6tables=false", "--cgroup-parent", this.#cgroup],
        ...(programs === undefined ? [] : ["--userland-proxy-path", join(programs, "docker-proxy")]),
        ...["--bridge", bridge === undefined ? "none" : this.#bridge],
        ...(tls === undefined ? [] : ["-H", `tcp://127.0.0.1:${tls.port}`, ...tlsArguments(tls)]),
        ...(runtime === undefined ? [] : ["--add-runtime", `own=${runtime}`, "--default-runtime", "own"]),
        ...(imageStore === "containerd" ? ["--feature", "containerd-snapshotter=true"] : []),
        ...cdiDirs.flatMap((directory) => ["--cdi-spec-dir", directory]),
        ...(logs === undefined ? [] : ["--log-driver", logs.driver]),
        ...Object.entries(logs?.options ?? {}).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]),
        ...(liveRestore ? ["--live-restore"] : []),
        ...(this.#options.noNewPrivileges ? ["--no-new-privileges"] : []),
        ...(registries?.names ?? []).flatMap((name) => ["--insecure-registry", name]),
      ],
      {
        stdio: ["ignore", log.fd, log.fd],
        env: {
          ...process.env,
          // It starts its containerd, its shims and runc by their names.
          ...(programs !== undefined && { PATH: `${programs}:${process.env.PATH ?? ""}` }),
          ...(registries !== undefined && {
            HTTP_PROXY: registries.proxy,
            HTTPS_PROXY: registries.tlsProxy,
          }),
        },
      },
    );
    this.#process = child;
    const ended = once(child, "exit").then(async () => {
      throw new Error(`dockerd ended:\n${await readFile(join(this.#directory, "dockerd.log"), "utf8")}`);
    });
    ended.catch(() => undefined);
    await Promise.race([eventually("dockerd answers", () => this.#answers()), ended]);
  }

  /** The program, with the arguments before its own. */
  async #command(): Promise<readonly string[]> {
    const dockerd = programs === undefined ? "dockerd" : join(programs, "dockerd");
    if (!this.#options.userNamespaces) return [dockerd];
    const file = join(this.#directory, "subids");
    await writeFile(file, "nobody:200000:65536\n");
    const script = 'for of in uid gid; do mount --bind "$0" /etc/sub$of; done; exec "$@"';
    return ["unshare", "--mount", "sh", "-ec", script, file, dockerd, "--userns-remap=nobody:nogroup"];
  }

  /** Names of all its containers. */
  async containers(): Promise<readonly string[]> {
    const all = (await this.#get("/containers/json?all=true")) as readonly { readonly Names: string[] }[];
    return all.flatMap(({ Names }) => Names);
  }

  async version(): Promise<string> {
    return ((await this.#get("/version")) as { readonly Version: string }).Version;
  }

  /** The Y of its API's version 1.Y: 48 for Docker Engine 28.0. */
  async apiMinor(): Promise<number> {
    const { ApiVersion } = (await this.#get("/version")) as { readonly ApiVersion: string };
    return Number(ApiVersion.split(".")[1]);
  }

  async #get(path: string): Promise<unknown> {
    const asked = request({ socketPath: this.socket, path });
    asked.end();
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    return JSON.parse(await text(answer));
  }

  /** Runs a container as a person would; returns its id. */
  async run(body: Readonly<Record<string, unknown>>): Promise<string> {
    const created = await this.request("POST", "/containers/create", body);
    const { Id } = JSON.parse(created) as { readonly Id: string };
    await this.request("POST", `/containers/${Id}/start`);
    return Id;
  }

  /** Path of the file in which it keeps a container's output, as JSON. */
  async logPath(id: string): Promise<string> {
    const { LogPath } = (await this.#get(`/containers/${id}/json`)) as { readonly LogPath: string };
    return LogPath;
  }

  /** Sends a request to the engine itself; returns its reply. Throws unless it succeeds. */
  async request(method: string, path: string, body?: unknown): Promise<string> {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const asked = request({ socketPath: this.socket, method, path, headers });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    const said = await text(answer);
    if ((answer.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${answer.statusCode} ${said}`);
    return said;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("dockerd is not running");
    return pid;
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#process?.kill(signal);
    await this.ended();
  }

  /** Resolves when it has exited, whoever ended it. */
  async ended(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    if (child.signalCode === "SIGKILL") this.#wasKilled = true;
    this.#process = undefined;
    // Its containerd dies with it; if nobody reaps that, the next engine would consider it alive.
    await rm(join(this.#directory, "exec", "containerd", "containerd.pid"), { force: true });
  }

  /**
   * Ends it and removes what it leaves: containers that it has forgotten, their cgroups, and the mount of the
   * host's network namespace.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      const isShim =
        words.includes("-id") && words.some((word) => word.startsWith(`${this.#directory}/exec/`));
      if (isShim) await killProcessTree(Number(pid));
    }
    const layout = await cgroupLayout();
    if (layout !== undefined) await removeCgroup(layout, this.#cgroup);
    if (this.#options.bridge !== undefined) await run("ip", ["link", "delete", this.#bridge]);
    await unmountBelow(this.#directory);
  }

  async #answers(): Promise<boolean> {
    const asked = request({ socketPath: this.socket, path: "/_ping" });
    asked.end();
    try {
      const [answer] = (await once(asked, "response")) as [{ statusCode?: number; resume(): void }];
      answer.resume();
      return answer.statusCode === 200;
    } catch {
      return false;
    }
  }
}

/** A restarted engine finds it again. */
async function makeBridge(name: string, address: string): Promise<void> {
  const isThere = await run("ip", ["link", "show", name]).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  await run("ip", ["link", "add", name, "type", "bridge"]);
  await run("ip", ["address", "add", address, "dev", name]);
  await run("ip", ["link", "set", name, "up"]);
}
