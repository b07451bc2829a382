import { createHash } from "node:crypto";
import { join } from "node:path";
import { type CgroupDriver, ConmonTasks, type ConmonTasksOptions } from "../runtime/index.ts";
import { namesIn } from "./bundle.ts";

export type NamespaceRuntimesOptions = Omit<ConmonTasksOptions, "cgroupDriver" | "stateDir" | "namespace">;

type NamespaceRuntime = {
  readonly tasks: ConmonTasks;
  /** Of the bundles, by the ids of their containers. */
  readonly bundlesDir: string;
};

const drivers: readonly CgroupDriver[] = ["cgroupfs", "systemd"];

/**
 * What makes tasks, for each namespace and cgroup driver one that knows nothing of the others, so that a
 * container of each may have the same id. Opened when it is first asked for.
 */
export class NamespaceRuntimes implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: NamespaceRuntimesOptions;
  readonly #opened = new Map<string, Promise<NamespaceRuntime>>();

  constructor(directory: string, options: NamespaceRuntimesOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /**
   * systemd makes the cgroup that `SLICE:PREFIX:NAME` asks for. Throws RuntimeError FailedPrecondition when
   * no cgroups are mounted.
   */
  async for(namespace: string, cgroupsPath: string): Promise<NamespaceRuntime> {
    const driver = cgroupsPath.includes(":") ? "systemd" : "cgroupfs";
    const directory = join(this.#directory, shortName(namespace), driver);
    const opened = this.#opened.get(directory) ?? this.#open(directory, namespace, driver);
    this.#opened.set(directory, opened);
    try {
      return await opened;
    } catch (error) {
      // The next to ask tries again; another one may have done so already.
      if (this.#opened.get(directory) === opened) this.#opened.delete(directory);
      throw error;
    }
  }

  /** All that there are of what earlier daemons opened. */
  async bundlesDirs(): Promise<readonly string[]> {
    const namespaces = await namesIn(this.#directory);
    return namespaces.flatMap((name) =>
      drivers.map((driver) => join(this.#directory, name, driver, "bundles")),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    for (const each of opened) if (each.status === "fulfilled") await each.value.tasks[Symbol.asyncDispose]();
  }

  async #open(directory: string, namespace: string, cgroupDriver: CgroupDriver): Promise<NamespaceRuntime> {
    const { handlers: table } = this.#options;
    const handlers = table.handlers.map((handler) => ({
      ...handler,
      root: join(directory, "runtimes", handler.name),
    }));
    const tasks = await ConmonTasks.open({
      ...this.#options,
      handlers: { ...table, handlers },
      cgroupDriver,
      stateDir: directory,
      namespace,
    });
    return { tasks, bundlesDir: join(directory, "bundles") };
  }
}

/** A namespace's name may be too long for the paths of sockets below it. */
function shortName(namespace: string): string {
  return createHash("sha256").update(namespace).digest("hex").slice(0, 12);
}
