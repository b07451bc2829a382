import type { HeldNamespaces, NamespaceThread, PodNamespacesRequest } from "../../../ground/linux/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { Network, PreparedNetwork } from "../../../services/network/index.ts";

/**
 * What a pod gets that was made ahead; whoever takes it disposes of the namespaces once they are pinned and
 * the network is attached.
 */
export type Ready = {
  readonly namespaces: HeldNamespaces;
  /** Undefined where the network has nothing that can be made ahead. */
  readonly network: PreparedNetwork | undefined;
};

type Parts = {
  readonly namespaceThread: NamespaceThread;
  readonly network: Network;
  readonly logger: Logger;
};

/** After a pod, whose client goes on first. */
const quietMs = 20;
/** One that no pod takes in that time goes again. */
const idleMs = 5000;

/** An interface takes what these say when it is made. */
const settingsOfInterfaces = [
  "net.ipv4.conf.",
  "net.ipv4.neigh.",
  "net.ipv6.conf.",
  "net.ipv6.neigh.",
  "net.mpls.conf.",
];

/**
 * Namespaces, and in them the interface on the default network, made ahead for the pod that comes next: most
 * of what RunPodSandbox waits for, above all for the kernel's lock of all network devices. One is made after
 * a pod was, when no other is being made, and goes when none comes soon. Nothing of it is pinned or written
 * down: it goes with this process, however that ends.
 */
export class ReadyPod implements AsyncDisposable {
  readonly #parts: Parts;
  #underWay = 0;
  #ready: Ready | undefined;
  #isPreparing = false;
  #prepared: Promise<void> = Promise.resolve();
  #isClosed = false;
  #quiet: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Held while a pod is being made; the next one is made ready afterwards. */
  making(): Disposable {
    this.#underWay++;
    return {
      [Symbol.dispose]: () => {
        this.#underWay--;
        clearTimeout(this.#quiet);
        this.#quiet = setTimeout(() => this.#prepareNext(), quietMs).unref();
      },
    };
  }

  /** Undefined where none is ready, or the pod asks for namespaces in which others are made than these. */
  take({ net, ipc, uts, user, sysctls }: PodNamespacesRequest): Ready | undefined {
    const isUsual = net && ipc && uts && user === undefined;
    if (!isUsual || Object.keys(sysctls).some(isOfInterfaces)) return undefined;
    const ready = this.#ready;
    this.#ready = undefined;
    clearTimeout(this.#idle);
    return ready;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#quiet);
    await this.#prepared;
    this.#drop();
  }

  #prepareNext(): void {
    if (this.#isClosed || this.#isPreparing || this.#underWay > 0 || this.#ready !== undefined) return;
    this.#isPreparing = true;
    this.#prepared = this.#prepare()
      .catch((err: unknown) => {
        // The next pod is made without it, and says what fails.
        this.#parts.logger.debug({ err }, "preparing the next pod's network failed");
      })
      .finally(() => {
        this.#isPreparing = false;
      });
  }

  async #prepare(): Promise<void> {
    const { namespaceThread, network } = this.#parts;
    using undo = new DisposableStack();
    const namespaces = undo.use(await namespaceThread.holdPodNamespaces());
    const prepared = await network.prepare(namespaces.path("net"));
    undo.move();
    this.#ready = { namespaces, network: prepared };
    this.#idle = setTimeout(() => this.#drop(), idleMs).unref();
  }

  #drop(): void {
    clearTimeout(this.#idle);
    this.#ready?.namespaces[Symbol.dispose]();
    this.#ready = undefined;
  }
}

function isOfInterfaces(sysctl: string): boolean {
  const name = sysctl.replaceAll("/", ".");
  return settingsOfInterfaces.some((prefix) => name.startsWith(prefix));
}
