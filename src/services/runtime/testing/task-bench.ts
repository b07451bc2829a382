import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import { cgroupLayout, mountInfo, unmountBelow } from "../../../ground/linux/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { cleanUp } from "../../../testing/clean-up.ts";
import { ServiceEvents } from "../../events/index.ts";
import { removeCgroup } from "../cgroups/remove-cgroup.ts";
import { ConmonTasks, type ConmonTasksOptions } from "../conmon/conmon-tasks.ts";
import type { HandlerTable, RuncLikeHandler } from "../handlers/handler.ts";
import { passNone } from "../spec/passed-annotations.ts";
import type { OciSpec } from "../spec/types.ts";
import type { FirstProcessIo, Task, TaskConsole, TaskSpec } from "../tasks.ts";

/**
 * A place for tests of tasks: a directory of its own, a root file system of busybox, a cgroup of its own, and
 * tasks with real programs. Disposing of it deletes all tasks and removes everything.
 */
export class TaskBench implements AsyncDisposable {
  readonly directory: string;
  readonly rootfs: string;
  readonly cgroup: string;
  tasks: ConmonTasks;
  readonly #options: ConmonTasksOptions;
  readonly #made: Task[] = [];
  #count = 0;

  private constructor(directory: string, tasks: ConmonTasks, options: ConmonTasksOptions) {
    this.directory = directory;
    this.rootfs = join(directory, "rootfs");
    this.cgroup = `/berth-test-${process.pid}-${directory.slice(-6)}`;
    this.tasks = tasks;
    this.#options = options;
  }

  static async open(
    options: Partial<ConmonTasksOptions> = {},
    handlers: (directory: string) => HandlerTable = testHandlers,
  ): Promise<TaskBench> {
    const directory = await mkdtemp(join(tmpdir(), "berth-task-"));
    await makeRootfs(join(directory, "rootfs"));
    const all: ConmonTasksOptions = {
      conmonPath: "/usr/bin/conmon",
      handlers: handlers(directory),
      cgroupDriver: "cgroupfs",
      stateDir: directory,
      namespace: "moby",
      events: new ServiceEvents(),
      logger: createLogger({ level: "silent", format: "json" }),
      ...options,
    };
    return new TaskBench(directory, await ConmonTasks.open(all), all);
  }

  /** What the next daemon sees: new objects, the same files and processes. */
  async restart(): Promise<void> {
    await this.tasks[Symbol.asyncDispose]();
    this.tasks = await ConmonTasks.open(this.#options);
  }

  /** A specification for one command in the busybox root file system. */
  async spec(
    handler: string,
    script: string,
    change: (spec: OciSpec) => OciSpec = (spec) => spec,
  ): Promise<TaskSpec & { readonly spec: OciSpec }> {
    const id = `${process.pid}${this.#count++}`.padStart(64, "0");
    const bundleDir = join(this.directory, `bundle-${id}`);
    await mkdir(bundleDir, { mode: 0o700 });
    return {
      id,
      handler,
      bundleDir,
      cgroup: join(this.cgroup, id),
      spec: change(busyboxSpec(this.rootfs, join(this.cgroup, id), ["/bin/sh", "-c", script])),
      io: this.console(id),
      monitorCgroup: undefined,
    };
  }

  /** As a container's that has neither terminal nor stdin. */
  console(id: string, other: Partial<TaskConsole> = {}): FirstProcessIo {
    const logPath = join(this.directory, `${id}.log`);
    const lookUp = new HostPaths().of("test");
    return { kind: "console", lookUp, logPath, terminal: false, stdin: false, stdinOnce: false, ...other };
  }

  async create(spec: TaskSpec): Promise<Task> {
    const task = await this.tasks.create(spec);
    this.#made.push(task);
    return task;
  }

  /** Creates and starts. */
  async run(handler: string, script: string, change?: (spec: OciSpec) => OciSpec): Promise<Task> {
    const task = await this.create(await this.spec(handler, script, change));
    await task.start();
    return task;
  }

  /** The next daemon's view of a task. */
  attach(handler: string, task: Task): Promise<Task> {
    const { id } = task;
    return this.tasks.attach({ id, handler, bundleDir: this.bundleOf(task), cgroup: join(this.cgroup, id) });
  }

  /** Puts a task's record back to where it was in the middle of its start. */
  async rewind(task: Task, kind: "starting"): Promise<void> {
    const path = join(this.bundleOf(task), "task.json");
    const record = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...record, phase: { kind, startedAtNs: "1" } }));
  }

  /** Makes the OCI runtime forget a container, so that its next command fails. */
  async forget(handler: string, task: Task): Promise<void> {
    await rm(join(this.directory, handler, task.id), { recursive: true });
  }

  logPath(task: Task): string {
    return join(this.directory, `${task.id}.log`);
  }

  log(task: Task): Promise<string> {
    return readFile(this.logPath(task), "utf8");
  }

  /** Waits until a task's log says something. */
  async logged(task: Task, text: string): Promise<void> {
    while (!(await this.log(task)).includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  bundleOf(task: Task): string {
    return join(this.directory, `bundle-${task.id}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const layout = await cgroupLayout();
    await cleanUp(
      `tasks in ${this.directory}`,
      ...this.#made.map((task) => () => task.delete()),
      // Its thread and its watches would keep the test's process from ending.
      () => this.tasks[Symbol.asyncDispose](),
      () => layout && removeCgroup(layout, this.cgroup),
      () => unmountBelow(this.directory),
      () => rm(this.directory, { recursive: true }),
    );
  }
}

/**
 * Processes whose command line names it, mounts below it and cgroups of its name: what a container may have
 * left. It is looked for as a whole word: a few digits are found in the middle of some id of somebody else's
 * container, sooner or later.
 */
export async function tracesOf(needle: string): Promise<readonly string[]> {
  const word = new RegExp(`(?<![0-9A-Za-z])${RegExp.escape(needle)}(?![0-9A-Za-z])`);
  const traces: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (word.test(commandLine)) traces.push(`process ${pid}: ${commandLine.replaceAll("\0", " ")}`);
  }
  for (const mount of await mountInfo())
    if (word.test(mount.mountPoint)) traces.push(`mount ${mount.mountPoint}`);
  for (const path of await directoriesBelow("/sys/fs/cgroup"))
    if (word.test(path)) traces.push(`cgroup ${path}`);
  return traces;
}

/** Cgroups of others come and go meanwhile. */
async function directoriesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const paths = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
  return [...paths, ...(await Promise.all(paths.map(directoriesBelow))).flat()];
}

/** crun and runc as this machine has them. */
function testHandlers(directory: string): HandlerTable {
  return {
    handlers: [
      handlerOf("crun", "/usr/bin/crun", join(directory, "crun"), "crun"),
      handlerOf("runc", "/usr/sbin/runc", join(directory, "runc"), "runc"),
    ],
    defaultName: "crun",
    explanation: "",
  };
}

/** The one handler of a bench whose OCI runtime is a program of the test's own. */
export function oneHandler(name: string, path: string, type: RuncLikeHandler["type"]): HandlerTable {
  return { handlers: [handlerOf(name, path, `${path}-root`, type)], defaultName: name, explanation: "" };
}

function handlerOf(name: string, path: string, root: string, type: RuncLikeHandler["type"]): RuncLikeHandler {
  return {
    kind: "runc-like",
    name,
    path,
    type,
    version: "",
    root,
    usability: { kind: "usable" },
    features: {
      recursiveReadOnlyMounts: false,
      userNamespaces: false,
      cgroupNamespaces: false,
      checkpoint: false,
      idMappingsInSpec: type !== "crun",
      readOnlySysfsForAll: type === "runc",
    },
    privilegedWithoutHostDevices: false,
    ...passNone,
  };
}

async function makeRootfs(rootfs: string): Promise<void> {
  for (const name of ["bin", "proc", "dev", "sys", "tmp", "etc"])
    await mkdir(join(rootfs, name), { recursive: true });
  await copyFile("/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of [
    "sh",
    "sleep",
    "cat",
    "head",
    "yes",
    "echo",
    "kill",
    "dd",
    "setsid",
    "true",
    "id",
    "printf",
    "tail",
    "ps",
    "grep",
    "stty",
    "mkfifo",
    "mv",
    "rm",
    "seq",
    "tty",
    "wc",
  ]) {
    await symlink("busybox", join(rootfs, "bin", name));
  }
}

function busyboxSpec(rootfs: string, cgroupsPath: string, args: readonly string[]): OciSpec {
  const capabilities = ["CAP_KILL", "CAP_SETUID", "CAP_SETGID"];
  return {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: true },
    process: {
      terminal: false,
      args,
      env: ["PATH=/bin"],
      cwd: "/",
      user: { uid: 0, gid: 0, additionalGids: [] },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
      rlimits: [],
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
      },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=65536k"] },
    ],
    linux: {
      cgroupsPath,
      namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }],
      devices: [],
      resources: { devices: [{ allow: false, access: "rwm" }] },
      maskedPaths: [],
      readonlyPaths: [],
    },
    annotations: {},
  };
}
