import { createHash } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import type { HostPaths, LookUp } from "../../ground/hostpaths/index.ts";
import { type CgroupDriver, ConmonTasks, type ConmonTasksOptions } from "../runtime/index.ts";
import { namesIn } from "./bundle.ts";
import { TasksError } from "./tasks-error.ts";

export type NamespaceRuntimesOptions = Omit<
  ConmonTasksOptions,
  "cgroupDriver" | "stateDir" | "namespace" | "foreignRoot"
>;

type NamespaceRuntime = {
  readonly tasks: ConmonTasks;
  /** The directory of bundles, which are named after their containers. */
  readonly bundlesDir: string;
};

/**
 * Creates the runtimes of tasks: one for each namespace and cgroup driver, independent of the others, so that
 * containers of different namespaces can have the same id. Each is opened when it is first needed.
 */
export class NamespaceRuntimes implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: NamespaceRuntimesOptions;
  readonly #hostPaths: HostPaths;
  readonly #opened = new Map<string, Promise<NamespaceRuntime>>();

  constructor(directory: string, options: NamespaceRuntimesOptions, hostPaths: HostPaths) {
    this.#directory = directory;
    this.#options = options;
    this.#hostPaths = hostPaths;
  }

  /**
   * The runtime of a namespace. systemd creates the cgroup if its path has the form `SLICE:PREFIX:NAME`. If a
   * client names a `root`, the OCI runtimes keep their state below it. Throws RuntimeError FailedPrecondition
   * if no cgroups are mounted.
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
      // The next caller tries again; another one may already have done so.
      if (this.#opened.get(directory) === opened) this.#opened.delete(directory);
      throw error;
    }
  }

  /** All directories that earlier daemons opened. */
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
    // Root of a container's user namespace must be able to traverse it to the root file system, but cannot
    // list it.
    await mkdir(bundlesDir, { recursive: true, mode: 0o711 });
    for (const passed of [this.#directory, dirname(directory), directory, bundlesDir])
      await chmod(passed, 0o711);
    const tasks = await ConmonTasks.open({
      ...this.#options,
      handlers: { ...table, handlers },
      cgroupDriver,
      stateDir: directory,
      ...(root !== undefined && { foreignRoot: this.#hostPaths }),
      namespace,
    });
    return { tasks, bundlesDir };
  }
}

/**
 * Creates the directory below a client's `root` in which the OCI runtimes keep their state for a namespace.
 * Throws TasksError InvalidArgument if that is impossible, and the errors of `lookUp`.
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

/** The same path as in containerd's shim for runc. */
function rootIn(namespace: string, root: string): string {
  return join(root, namespace);
}

/** Shortened, because a namespace's name may be too long for the paths of sockets below it. */
function shortName(namespace: string): string {
  return createHash("sha256").update(namespace).digest("hex").slice(0, 12);
}
