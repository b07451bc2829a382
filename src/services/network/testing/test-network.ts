import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { NamespaceThread, unpinNamespaces } from "../../../ground/linux/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { CniNetwork, type CniNetworkOptions, type PodAttachment } from "../index.ts";

export const realPlugins = "/usr/lib/cni";

const silent = createLogger({ level: "silent", format: "json", destination: { write: () => {} } });

/** A CNI network in a temporary directory, with real plugins and with shell scripts of the test. */
export class TestNetwork implements AsyncDisposable {
  readonly root: string;
  readonly options: CniNetworkOptions;
  readonly #resources: AsyncDisposableStack;
  readonly #namespaces: NamespaceThread;
  network: CniNetwork;

  private constructor(parts: {
    readonly root: string;
    readonly options: CniNetworkOptions;
    readonly resources: AsyncDisposableStack;
    readonly namespaces: NamespaceThread;
    readonly network: CniNetwork;
  }) {
    this.root = parts.root;
    this.options = parts.options;
    this.network = parts.network;
    this.#resources = parts.resources;
    this.#namespaces = parts.namespaces;
  }

  static async open(overrides: Partial<CniNetworkOptions> = {}): Promise<TestNetwork> {
    await using resources = new AsyncDisposableStack();
    const root = resources.use(await tempDir()).path;
    const namespaces = resources.use(new NamespaceThread());
    const options: CniNetworkOptions = {
      confDir: `${root}/net.d`,
      binDirs: [`${root}/bin`, realPlugins],
      cacheDir: `${root}/cache`,
      maxConfNum: 1,
      pluginTimeoutMs: 20_000,
      giveUpAfterMs: 60_000,
      ipPreference: "ipv4",
      builtinPlugins: false,
      default: "none",
      defaultDir: `${root}/default-network`,
      names: { table: "berth", bridge: "berth0" },
      ...overrides,
    };
    await mkdir(`${root}/bin`);
    const network = await CniNetwork.open(options, silent);
    return new TestNetwork({ root, options, namespaces, network, resources: resources.move() });
  }

  /** Closes and reopens the network, as a restart of the daemon does. */
  async restart(overrides: Partial<CniNetworkOptions> = {}): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    this.network = await CniNetwork.open({ ...this.options, ...overrides }, silent);
  }

  /** Writes a configuration file, which {@link restart} or the watch picks up. */
  async configure(config: object | string, file = "10-test.conflist"): Promise<void> {
    await mkdir(this.options.confDir, { recursive: true });
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await writeFile(`${this.options.confDir}/${file}`, text);
  }

  /**
   * Adds a plugin. `$LOG` in the script is the file that {@link calls} reads; each of its lines is a JSON
   * object.
   */
  async plugin(type: string, script: string): Promise<void> {
    const text = `#!/bin/sh\nLOG=${this.#log}\n${script}\n`;
    await writeFile(`${this.root}/bin/${type}`, text, { mode: 0o755 });
  }

  /** What the recorder plugins wrote, in order. */
  async calls(): Promise<readonly PluginRecord[]> {
    const text = await readFile(this.#log, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map((line): PluginRecord => JSON.parse(line));
  }

  /** The commands that a plugin was run with, in order. */
  async commands(type: string): Promise<readonly string[]> {
    return (await this.calls()).filter((call) => call.type === type).map(({ command }) => command);
  }

  /** A pod with a new network namespace. */
  async pod(overrides: Partial<PodAttachment> = {}): Promise<PodAttachment> {
    const sandboxId = randomBytes(32).toString("hex");
    const directory = `${this.root}/ns-${sandboxId}`;
    this.#resources.defer(() => unpinNamespaces(directory));
    await this.#namespaces.createPodNamespaces({ directory, net: true, ipc: false, uts: false, sysctls: {} });
    return {
      sandboxId,
      netnsPath: `${directory}/net`,
      podName: "web",
      podNamespace: "default",
      podUid: "1-2-3",
      annotations: {},
      cgroupPath: "",
      portMappings: [],
      dns: { servers: [], searches: [], options: [] },
      ...overrides,
    };
  }

  /** Removes a pod's namespace, as a reboot does. */
  async loseNamespace(pod: PodAttachment): Promise<void> {
    await unpinNamespaces(`${this.root}/ns-${pod.sandboxId}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
    await this.#resources.disposeAsync();
  }

  get #log(): string {
    return `${this.root}/calls`;
  }
}

export type PluginRecord = {
  readonly type: string;
  readonly command: string;
  readonly netns: string;
  readonly args: string;
  readonly ifName: string;
  readonly pid: number;
  readonly request: Readonly<Record<string, unknown>>;
};

/** A script that records its call, then runs `then`. */
export function recorder(then = 'if [ "$CNI_COMMAND" = ADD ]; then echo "$RESULT"; fi'): string {
  const result = JSON.stringify({ cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] });
  return [
    `RESULT='${result}'`,
    `printf '{"type":"%s","command":"%s","netns":"%s","args":"%s","ifName":"%s","pid":%d,"request":%s}\\n' \\`,
    `  "\${0##*/}" "$CNI_COMMAND" "$CNI_NETNS" "$CNI_ARGS" "$CNI_IFNAME" $$ "$(cat)" >> "$LOG"`,
    then,
  ].join("\n");
}

type BridgeOptions = {
  readonly chained?: readonly object[];
  readonly ipMasq?: boolean;
  /** Prefix length of the pods' IPv4 network. */
  readonly prefixLength?: number;
  /** 1.1.0 and later have garbage collection. */
  readonly cniVersion?: string;
};

/** A network with one bridge, whose addresses are stored in the test's own directory. */
export function bridgeNetwork(
  { root }: TestNetwork,
  { chained = [], ipMasq = true, prefixLength = 24, cniVersion = "1.0.0" }: BridgeOptions = {},
): object {
  const ipam = {
    type: "host-local",
    dataDir: `${root}/addresses`,
    ranges: [[{ subnet: `10.87.0.0/${prefixLength}` }], [{ subnet: "fd87::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const bridge = { type: "bridge", bridge: "berth-test0", isGateway: true, ipMasq, ipam };
  return { cniVersion, name: "test", plugins: [bridge, ...chained] };
}
