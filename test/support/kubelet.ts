import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { unmountBelow } from "../../src/ground/linux/index.ts";
import { type PodSandbox, PodSandboxState } from "../../src/ground/protocol/index.ts";
import type { TestBerth } from "./berth.ts";
import { eventually } from "./condition.ts";
import type { KubeletCgroup } from "./kubelet-cgroup.ts";
import { kubeletConfiguration, kubeletPort, withTunables } from "./kubelet-configuration.ts";
import { selfSigned } from "./self-signed.ts";

const program = new URL("../../.kubelet/kubelet", import.meta.url).pathname;

/** The node's name, which a kubelet appends to the names of its static pods. */
export const nodeName = "node";
/** The node's address; scripts/kubelet-host.sh assigns it to the tests' network. */
export const nodeAddress = "192.0.2.1";

/** A kubelet checks most things every second, some every minute, on a machine that may have other work. */
const patience = { limitMs: 180_000, everyMs: 100 };

/** A pod's manifest without what all have: a name and a specification, in Kubernetes' words. */
export type Manifest = {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: object;
};

/** The parts of a pod, as reported by its kubelet, that the tests check. */
export type Pod = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly hostIP?: string;
    readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
};

export type ContainerStatus = {
  readonly name: string;
  readonly ready: boolean;
  readonly restartCount: number;
  /** `berth://ID` */
  readonly containerID?: string;
  readonly image: string;
  readonly imageID: string;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
};

type ContainerState = {
  readonly running?: { readonly startedAt: string };
  readonly waiting?: { readonly reason: string; readonly message?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason: string; readonly message?: string };
};

/**
 * A kubelet without an API server, which runs the pods whose manifests are in a directory on a berthd.
 * Without one it has no projected volumes, no addresses in the status of pods on the node's network and no
 * runtime classes. On a machine like a developer's container it complains, and goes on: of limits that it may
 * not raise (open files), of a first process whose namespaces it may not see, and of images' file systems,
 * which it looks for only with CRI-O. Its files are in that berthd's directory; disposing it ends it and
 * unmounts its volumes, and leaves its pods to the berthd's end.
 */
export class TestKubelet implements AsyncDisposable {
  /** PEM of the certificate of the kubelet's API. */
  readonly ca: string;
  readonly #berth: TestBerth;
  readonly #directory: string;
  readonly #configuration: object;
  #process: ChildProcess | undefined;

  private constructor(berth: TestBerth, directory: string, ca: string, settings: object) {
    this.#berth = berth;
    this.#directory = directory;
    this.ca = ca;
    this.#configuration = settings;
  }

  /**
   * Starts a kubelet that makes the pods' cgroups below `cgroup`, with settings of its configuration that go
   * before those that the tests have anyway.
   */
  static async start(berth: TestBerth, cgroup: KubeletCgroup, settings: object = {}): Promise<TestKubelet> {
    const directory = join(berth.directory, "kubelet");
    await mkdir(join(directory, "manifests"), { recursive: true });
    const { cert } = await selfSigned(join(directory, "api"));
    const kubelet = new TestKubelet(berth, directory, cert, {
      ...kubeletConfiguration(berth, directory, cgroup),
      ...settings,
    });
    try {
      await kubelet.startProcess();
      return kubelet;
    } catch (error) {
      await kubelet[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The directory of the kubelet's own files, including pods' volumes. */
  get root(): string {
    return join(this.#directory, "root");
  }

  /**
   * Restarts it after {@link stop}, with further settings of its configuration. Resolves when its API
   * answers.
   */
  async startProcess(settings: object = {}): Promise<void> {
    const file = join(this.#directory, "config.json");
    await writeFile(file, JSON.stringify({ ...this.#configuration, ...settings }));
    await using log = await open(this.#logFile, "a");
    const child = spawn(
      "unshare",
      [
        ...["--mount", "--propagation", "unchanged", "sh", "-c", withTunables, "sh", program],
        ...[`--config=${file}`, `--root-dir=${this.root}`, `--cert-dir=${join(this.#directory, "pki")}`],
        ...[`--hostname-override=${nodeName}`, `--node-ip=${nodeAddress}`],
      ],
      { stdio: ["ignore", log.fd, log.fd] },
    );
    this.#process = child;
    await eventually(
      "the kubelet's API answers",
      async () => {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`the kubelet ended:\n${(await this.log()).slice(-8_000)}`);
        const health = await this.ask("/healthz").catch(() => undefined);
        return health?.status === 200;
      },
      patience,
    );
  }

  /** Ends the kubelet; pods are not changed. */
  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill();
    await exited;
  }

  get #logFile(): string {
    return join(this.#directory, "kubelet.log");
  }

  async log(): Promise<string> {
    return readFile(this.#logFile, "utf8").catch(() => "");
  }

  /** Writes a pod's manifest, a new one or a replacement. */
  async apply(name: string, { spec, ...metadata }: Manifest): Promise<void> {
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", ...metadata },
      // No process of the tests needs more time to exit.
      spec: { terminationGracePeriodSeconds: 1, ...spec },
    };
    // The kubelet watches the directory: a file must appear there complete.
    const file = join(this.#directory, `${name}.json`);
    await writeFile(file, JSON.stringify(manifest));
    await rename(file, this.#manifest(name));
  }

  #manifest(name: string): string {
    return join(this.#directory, "manifests", `${name}.json`);
  }

  /**
   * Removes a pod's manifest; resolves when the kubelet no longer has the pod, and the runtime has no ready
   * one. The runtime's remains are removed by the kubelet's next garbage collection, once a minute.
   */
  async remove(name: string): Promise<void> {
    await this.withdraw(name);
    await this.until(`pod ${name} is gone`, async () => {
      if ((await this.pod(name)) !== undefined) return false;
      return (await this.sandboxes(name)).every(({ state }) => state === PodSandboxState.SANDBOX_NOTREADY);
    });
  }

  /** Only removes a pod's manifest. */
  async withdraw(name: string): Promise<void> {
    await rm(this.#manifest(name), { force: true });
  }

  /** The runtime's sandboxes of a pod. */
  async sandboxes(name: string): Promise<readonly PodSandbox[]> {
    const { items } = await this.#berth.clients.runtime.listPodSandbox({ filter: undefined });
    return items.filter(({ metadata }) => metadata?.name === `${name}-${nodeName}`);
  }

  async pods(): Promise<readonly Pod[]> {
    const { status, body } = await this.ask("/pods");
    if (status !== 200) throw new Error(`the kubelet answered ${status}: ${body}`);
    return JSON.parse(body).items ?? [];
  }

  async pod(name: string): Promise<Pod | undefined> {
    return (await this.pods()).find(({ metadata }) => metadata.name === `${name}-${nodeName}`);
  }

  /** Waits until the pod satisfies the condition. */
  podThat(name: string, what: string, is: (pod: Pod) => boolean): Promise<Pod> {
    return this.until(`pod ${name} ${what}`, async () => {
      const pod = await this.pod(name);
      return pod !== undefined && is(pod) && pod;
    });
  }

  /** Writes a manifest and waits until all containers of the pod are ready. */
  async run(name: string, manifest: Manifest): Promise<Pod> {
    await this.apply(name, manifest);
    return this.podThat(name, "is ready", isReady);
  }

  /** Waits as long as a kubelet may need; an error has its last state. */
  async until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
    try {
      return await eventually(what, ask, patience);
    } catch (cause) {
      const pods = JSON.stringify(await this.pods().catch(String));
      const complaints = (await this.log()).split("\n").filter((line) => /^[EW]\d{4} /.test(line));
      throw new Error(`${what}: waited in vain.\n${pods}\n${complaints.slice(-12).join("\n")}`, { cause });
    }
  }

  /** Sends a request to the kubelet's API. */
  async ask(path: string, method = "GET"): Promise<{ readonly status: number; readonly body: string }> {
    const response = await this.open(path, method);
    return { status: response.statusCode ?? 0, body: await text(response) };
  }

  /** Sends a request to the kubelet's API whose response is a stream. */
  async open(path: string, method = "GET"): Promise<IncomingMessage> {
    const outgoing = request(this.url(path), { method, ca: this.ca, agent: false }).end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return response;
  }

  /** The URL of a path in the kubelet's API. */
  url(path: string): URL {
    return new URL(path, `https://127.0.0.1:${kubeletPort}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await unmountBelow(this.#directory);
  }
}

/** All containers run, and are ready where they have a probe for that. */
export function isReady({ status }: Pod): boolean {
  return status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

/** The status of one of a pod's containers, of any kind. */
export function containerOf(pod: Pod, name: string): ContainerStatus {
  const found = findContainer(pod, name);
  if (found === undefined) throw new Error(`pod ${pod.metadata.name} tells nothing of a container ${name}`);
  return found;
}

/** How often one of a pod's containers has been restarted; 0 if nothing is known about it yet. */
export function restartsOf(pod: Pod, name: string): number {
  return findContainer(pod, name)?.restartCount ?? 0;
}

function findContainer({ status }: Pod, name: string): ContainerStatus | undefined {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.find((container) => container.name === name);
}

/** The runtime's id of one of a pod's containers. */
export function containerIdOf(pod: Pod, name: string): string {
  return (containerOf(pod, name).containerID ?? "").replace("berth://", "");
}
