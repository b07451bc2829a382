/**
 * Tasks: processes of containers, made by an OCI runtime (runtime-spec 1.x) and held by conmon. A task outlives the
 * daemon: {@link Tasks.attach} finds it again after a restart, with the exit that happened meanwhile.
 */
export interface Tasks extends AsyncDisposable {
  /**
   * Writes the bundle's config.json, starts conmon, which runs `create`. Resolves when the container is created, with its first process waiting.
   * Throws TaskError (code FailedPrecondition or Internal, with the OCI runtime's own message). Nothing is left behind then.
   */
  create(task: TaskSpec, signal?: AbortSignal): Promise<Task>;
  /**
   * Takes up a task after a restart of the daemon: running, or exited while nobody looked (from conmon's exit file), or lost
   * (conmon was killed, or the machine restarted).
   */
  attach(task: TaskIdentity): Promise<Task>;
}

/** Where a task's files are, and which handler made it: all that is needed to find it again. */
export type TaskIdentity = {
  readonly id: string;
  /** Name of the runtime handler as resolved (never empty). */
  readonly handler: string;
  /** Private directory of this container under the state directory (tmpfs): config.json, pidfile, exit file, sockets. */
  readonly bundleDir: string;
};

export type TaskSpec = TaskIdentity & {
  /** OCI runtime spec, complete; see {@link "./spec/"}. */
  readonly spec: OciSpec;
  /** Absolute path; undefined keeps no log. CRI format. */
  readonly logPath: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  /** cgroup (absolute in the hierarchy, or slice for systemd) in which conmon itself runs. */
  readonly monitorCgroup: string | undefined;
};

/** One container's process. */
export interface Task {
  readonly id: string;
  state(): TaskState;
  /** Runs the user's process. Throws TaskError Internal with the OCI runtime's message; the task then ends as exited 128. */
  start(signal?: AbortSignal): Promise<void>;
  /** Sends a signal to the first process, or to all of them. No error when it is gone already. */
  kill(signal: number, options?: { readonly all?: boolean }): Promise<void>;
  /** Resolves when it has exited (at once when it had). */
  wait(signal?: AbortSignal): Promise<TaskExit>;
  /** Runs a command and collects its output. See {@link ExecResult}. */
  execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /** Makes conmon close and open the log file again. Throws FailedPrecondition when not running. */
  reopenLog(): Promise<void>;
  /** Kills what is left, runs the OCI runtime's `delete --force`, ends conmon, removes the bundle's files. Idempotent. */
  delete(): Promise<void>;
}

export type TaskState =
  | { readonly kind: "created"; readonly pid: number }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | { readonly kind: "exited"; readonly exit: TaskExit };

export type TaskExit = {
  /** 0-255; 128+n for a signal; 255 when it is not known (lost). */
  readonly exitCode: number;
  readonly finishedAtNs: bigint;
  readonly startedAtNs: bigint;
  readonly cause: "exited" | "oomKilled" | "startError" | "lost";
  readonly message: string;
};

export type ExecRequest = {
  readonly args: readonly string[];
  /** 0 means none. When it is over the process and its children are killed and TaskError DeadlineExceeded is thrown. */
  readonly timeoutMs: number;
};

/** Each stream is cut at 16 MiB; the process goes on. */
export type ExecResult = { readonly exitCode: number; readonly stdout: Uint8Array; readonly stderr: Uint8Array };

/** OCI runtime-spec 1.2, config.md. Typed where berth writes it (`spec/types.ts`). */
export type OciSpec = import("./spec/types.ts").OciSpec;
