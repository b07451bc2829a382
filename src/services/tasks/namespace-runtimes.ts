import { createHash } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import { type CgroupDriver, ConmonTasks, type ConmonTasksOptions } from "../runtime/index.ts";
import { namesIn } from "./bundle.ts";
import { TasksError } from "./tasks-error.ts";

export type NamespaceRuntimesOptions = Omit<ConmonTasksOptions, "cgroupDriver" | "stateDir" | "namespace">;

type NamespaceRuntime = {
  readonly tasks: ConmonTasks;
  /** Of the bundles, by the ids of their containers. */
  readonly bundlesDir: string;
};

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
   * systemd makes the cgroup that `SLICE:PREFIX:NAME` asks for. The OCI runtimes keep their state below
   * `root`, where a client names one. Throws RuntimeError FailedPrecondition when no cgroups are mounted.
   */
  async for(
    namespace: string,
    { cgroupsPath, root }: { readonly cgroupsPath: string; readonly root?: string | undefined },
  ): Promise<NamespaceRuntime> {
    const driver = cgroupsPath.includes(":") ? "systemd" : "cgroupfs";
    const name = root === undefined ? driver : `${driver}-${shortName(root)}`;
    const directory = join(this.#directory, shortName(namespace), name);
    const opened = this.#opened.get(directory) ?? this.#open(directory, { namespace, driver, root });
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
    const opened = await Promise.all(
      namespaces.map(async (name) => {
        const directory = join(this.#directory, name);
        return (await namesIn(directory)).map((each) => join(directory, each, "bundles"));
      }),
    );
    return opened.flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    for (const each of opened) if (each.status === "fulfilled") await each.value.tasks[Symbol.asyncDispose]();
  }

  async #open(
    directory: string,
    asked: { readonly namespace: string; readonly driver: CgroupDriver; readonly root: string | undefined },
  ): Promise<NamespaceRuntime> {
    const { namespace, driver: cgroupDriver, root } = asked;
    const { handlers: table } = this.#options;
    const handlers = table.handlers.map((handler) => ({
      ...handler,
      root: root === undefined ? join(directory, "runtimes", handler.name) : rootIn(namespace, root),
    }));
    const bundlesDir = join(directory, "bundles");
    // Root of a container's user namespace goes through them to its root file system, and sees none of them.
    await mkdir(bundlesDir, { recursive: true, mode: 0o711 });
    for (const passed of [this.#directory, dirname(directory), directory, bundlesDir])
      await chmod(passed, 0o711);
    const tasks = await ConmonTasks.open({
      ...this.#options,
      handlers: { ...table, handlers },
      cgroupDriver,
      stateDir: directory,
      namespace,
    });
    return { tasks, bundlesDir };
  }
}

/**
 * Makes the directory in which the OCI runtimes keep their state of a namespace below a client's `root`.
 * Throws TasksError InvalidArgument where there can be none, and what `lookUp` throws.
 */
export async function makeRoot(namespace: string, root: string, lookUp: LookUp): Promise<void> {
  const directory = rootIn(namespace, root);
  await lookUp(directory, () =>
    makeDirectories(directory, 0o700).catch((cause: Error) => {
      throw new TasksError(
        "InvalidArgument",
        `options: root: cannot create ${JSON.stringify(directory)}: ${cause.message}; name another directory`,
        { cause },
      );
    }),
  );
}

/** As containerd's shim for runc has it. */
function rootIn(namespace: string, root: string): string {
  return join(root, namespace);
}

/** A namespace's name may be too long for the paths of sockets below it. */
function shortName(namespace: string): string {
  return createHash("sha256").update(namespace).digest("hex").slice(0, 12);
}
