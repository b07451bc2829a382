import { chown, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HostPaths } from "../../../ground/hostpaths/index.ts";
import type { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import type { TreeRemover } from "../../../ground/trees/index.ts";
import type { SecurityProfiles } from "../../../services/profiles/index.ts";
import {
  type AppArmor,
  buildPauseSpec,
  type CgroupDriver,
  type ContainerSettings,
  containerCgroup,
  findHandler,
  type HandlerTable,
  type HostFacts,
  passNone,
  resolvePause,
  type SeLinux,
  type Task,
  type TaskIdentity,
  type Tasks,
} from "../../../services/runtime/index.ts";
import { sandboxPaths } from "../paths.ts";
import type { SandboxRecord } from "../records/records.ts";
import { removeDirectory } from "../records/remove-directory.ts";
import { sandboxFacts } from "../sandbox/sandbox-facts.ts";
import { currentConfig } from "../sandbox/sandbox-view.ts";
import { letPodRootTraverse, podIdMappings, podRoot } from "../sandbox/user-namespaces.ts";
import { sandboxLabels } from "../volumes/se-linux-labels.ts";

export type PauseOptions = {
  readonly tasks: Tasks;
  readonly stateDir: string;
  readonly handlers: HandlerTable;
  readonly cgroupDriver: CgroupDriver;
  readonly host: HostFacts;
  readonly containerSettings: ContainerSettings;
  readonly hostPaths: HostPaths;
  readonly trees: TreeRemover;
  readonly appArmor: AppArmor;
  readonly securityProfiles: SecurityProfiles;
  /** Undefined if SELinux is not enabled. */
  readonly seLinux: SeLinux | undefined;
  /** Path of a static program that waits forever and reaps children, such as catatonit. */
  readonly pauseProgram: string;
};

/**
 * The pause processes of pods that share one PID namespace: the namespace's first process, which adopts and
 * reaps orphans of its containers. A task like any other, with the sandbox's id.
 */
export class Pauses {
  readonly #options: PauseOptions;
  readonly #running = new Map<string, Task>();

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  async start(record: SandboxRecord): Promise<void> {
    const { tasks, stateDir, handlers, pauseProgram, cgroupDriver, host } = this.#options;
    const { containerSettings: settings, appArmor, hostPaths, securityProfiles } = this.#options;
    const sandboxConfig = currentConfig(record);
    const lookUp = hostPaths.of(record.id);
    const profiles = await resolvePause({
      sandboxConfig,
      settings,
      host,
      appArmor,
      lookUp,
      pulledProfiles: securityProfiles,
    });
    const identity = this.#identity(record);
    const rootfsPath = join(identity.bundleDir, "rootfs");
    await mkdir(identity.bundleDir, { recursive: true, mode: 0o700 });
    // The program's own root directory: its user must be able to enter it, and the pod's root to create mount
    // points in it.
    await mkdir(rootfsPath, { recursive: true, mode: 0o755 });
    if (podIdMappings(record.config) !== undefined) await this.#openToPodRoot(record.config, rootfsPath);
    const spec = buildPauseSpec({
      program: pauseProgram,
      rootfsPath,
      sandboxConfig,
      sandbox: sandboxFacts(record, { stateDir, handlers, pauses: this }),
      cgroupDriver,
      profiles,
      labels: sandboxLabels(record, this.#options),
      host,
      annotationRules: findHandler(handlers, record.resolvedHandler) ?? passNone,
    });
    const task = await tasks.create({
      ...identity,
      spec,
      io: { kind: "none" },
      monitorCgroup: undefined,
    });
    this.#running.set(record.id, task);
    await task.start();
  }

  async #openToPodRoot(config: PodSandboxConfig, rootfsPath: string): Promise<void> {
    await letPodRootTraverse(dirname(rootfsPath), this.#options.stateDir, config);
    const { uid, gid } = podRoot(config);
    await chown(rootfsPath, uid, gid);
  }

  /** Undefined for a pod without a pause process. */
  get(sandboxId: string): Task | undefined {
    return this.#running.get(sandboxId);
  }

  /** Recorded path of the shared namespace, for display; undefined for a pod without a pause process. */
  pidNamespace(sandboxId: string): string | undefined {
    const state = this.#running.get(sandboxId)?.state();
    return state === undefined || state.kind === "exited" ? undefined : `/proc/${state.pid}/ns/pid`;
  }

  /** The same, for joining: also undefined once the pause process has ended, since its pid may be reused. */
  async livePidNamespace(sandboxId: string): Promise<string | undefined> {
    const pid = await this.#running.get(sandboxId)?.livePid();
    return pid === undefined ? undefined : `/proc/${pid}/ns/pid`;
  }

  /** Finds the process again after a restart of the daemon; false if it has ended. */
  async attach(record: SandboxRecord): Promise<boolean> {
    const task = await this.#options.tasks.attach(this.#identity(record));
    this.#running.set(record.id, task);
    return task.state().kind === "running";
  }

  /**
   * Ends the process and removes what it left; also after an interrupted start, and for a pod that never had
   * one.
   */
  async remove(record: SandboxRecord): Promise<void> {
    const identity = this.#identity(record);
    const task = this.#running.get(record.id) ?? (await this.#options.tasks.attach(identity));
    await task.delete();
    this.#running.delete(record.id);
    await removeDirectory(identity.bundleDir, this.#options.trees);
  }

  #identity(record: SandboxRecord): TaskIdentity {
    const bundleDir = sandboxPaths(this.#options.stateDir, record.id).pauseBundle;
    const parent = record.config.linux?.cgroupParent ?? "";
    const cgroup = containerCgroup(this.#options.cgroupDriver, parent, record.id);
    return { id: record.id, handler: record.resolvedHandler, bundleDir, cgroup };
  }
}
