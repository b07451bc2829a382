import type { Readable, Writable } from "node:stream";
import type { OciLimits, OciSpec } from "./spec/types.ts";

/**
 * Tasks: processes of containers, made by an OCI runtime (runtime-spec 1.x) and held by conmon. A task outlives the
 * daemon: {@link Tasks.attach} finds it again after a restart, with the exit that happened meanwhile.
 *
 * The life of a task: `create` makes the container with its first process waiting, `start` lets that run the user's
 * program, it exits by itself or by `kill`, `delete` removes what the OCI runtime, conmon and the task left behind. An
 * exit never removes anything by itself, so that it can be read as often as wanted.
 */
export interface Tasks extends AsyncDisposable {
  /**
   * Says that a task will be made, or a command run in one, within some ten milliseconds: what takes the kernel time begins in
   * the background. May be called in vain.
   */
  hasten(): void;
  /**
   * Writes the bundle's config.json, starts conmon, which runs `create`. Resolves when the container is created, with its
   * first process waiting. The bundle directory must exist; what else lies in it (a mounted rootfs) is left alone.
   * Throws RuntimeError: InvalidArgument (unknown handler), FailedPrecondition (unusable handler), Internal (with the OCI
   * runtime's own message), DeadlineExceeded, Canceled. Nothing is left behind then.
   */
  create(task: TaskSpec, signal?: AbortSignal): Promise<Task>;
  /**
   * Takes up a task after a restart of the daemon: created, running, exited while nobody looked (from conmon's exit
   * file), or lost (conmon was killed, or the machine restarted). Never throws for a task whose files are gone or damaged:
   * that one is lost.
   */
  attach(task: TaskIdentity): Promise<Task>;
  /** Removes what is left of a task that nobody holds, if anything is: its creation or its deletion was cut. */
  remove(task: TaskIdentity): Promise<void>;
}

/** Where a task's files are, and which handler made it: all that is needed to find it again. */
export type TaskIdentity = {
  readonly id: string;
  /** Name of the runtime handler as resolved (never empty). */
  readonly handler: string;
  /** Private directory of this container under the state directory (tmpfs): config.json, pidfile, sockets. */
  readonly bundleDir: string;
  /**
   * Its cgroup, as a path in the hierarchies ({@link containerCgroup}): a removal must not have to find it in files that may be
   * damaged. Undefined when it is not known any more.
   */
  readonly cgroup: string | undefined;
};

export type TaskSpec = TaskIdentity & {
  /** OCI runtime spec, complete; made by `buildContainerSpec` or `buildPauseSpec`. */
  readonly spec: OciSpec;
  /** Absolute path, in a directory that exists; undefined keeps no log. CRI format. */
  readonly logPath: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  /**
   * cgroup, as a path in the hierarchies, in which conmon and the OCI runtime run; made if it is not there. Undefined
   * leaves them in the daemon's own, as containerd does with its shims.
   */
  readonly monitorCgroup: string | undefined;
  /** The processes come from a checkpoint. `create` makes them, stopped; `start` lets them go on. */
  readonly restore?: TaskRestore;
};

export type TaskRestore = {
  /** The images that criu wrote ({@link Task.dump}), perhaps on another machine. */
  readonly imageDir: string;
  readonly criuPath: string;
};

export type TaskDumpRequest = {
  /** An empty directory for criu's images. */
  readonly imageDir: string;
  /** A directory for its log (`dump.log`) and figures (`stats-dump`). */
  readonly workDir: string;
  readonly criuPath: string;
};

/** One container's process. */
export interface Task {
  readonly id: string;
  state(): TaskState;
  /**
   * The first process's pid, if it is that process's now, by the kernel's word; undefined once it has ended, of which
   * {@link state} may not know yet. For whoever acts on the process: a pid is given to another one after its end.
   */
  livePid(): Promise<number | undefined>;
  /**
   * Runs the user's process. Throws RuntimeError Internal with the OCI runtime's message; the task then ends as exited 128. Of
   * a restored task the processes are looked at first: PermissionDenied when they may do more than the container's could.
   */
  start(signal?: AbortSignal): Promise<void>;
  /** Sends a signal to the first process. No error when it is gone already. */
  kill(signal: number): Promise<void>;
  /** Kills all processes for good: none can be born afterwards. No error when they are gone already. */
  killAll(): Promise<void>;
  /** Resolves when it has exited (at once when it had). */
  wait(signal?: AbortSignal): Promise<TaskExit>;
  /**
   * Runs a command with the container's own user, environment, capabilities and limits, and collects its output.
   * A command that cannot be found or run gives exit code 127 or 126 with the reason on stderr, as a shell does.
   * Throws RuntimeError: FailedPrecondition (not running), DeadlineExceeded and Canceled (its processes are gone then),
   * Internal (with the OCI runtime's message).
   */
  execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /**
   * Runs a command like {@link execSync} and connects it to `io`. Resolves when it has exited and all of its output was
   * written. When `signal` aborts its processes are killed. Throws RuntimeError:
   * FailedPrecondition (not running), Canceled (its processes are gone then), Internal.
   */
  exec(request: StreamedExecRequest, io: TaskIo, signal: AbortSignal): Promise<{ readonly exitCode: number }>;
  /**
   * Connects `io` to the first process: its output from now on, and what of its stdin it was made with. Several can be
   * attached at the same time; each gets all output. Resolves when the process has exited and all of its output was
   * written. When `signal` aborts the caller is taken off, the process goes on. Throws RuntimeError: FailedPrecondition
   * (not running), Canceled, ResourceExhausted: whoever is 4 MiB behind and takes no output for ten seconds, or when the process has ended, is taken off, lest the
   * process and its log stand still for ever.
   */
  attach(io: TaskIo, signal: AbortSignal): Promise<void>;
  /**
   * Puts other limits in force; what it leaves out stays as it is. The bundle's config.json says the new ones, so that
   * commands run later have them too. Throws RuntimeError: FailedPrecondition (it has exited, or takes up more memory than
   * the new limit), InvalidArgument (the kernel refuses a value), Internal; some of the limits may be in force then.
   */
  update(update: TaskUpdate, signal?: AbortSignal): Promise<void>;
  /**
   * Stops all processes by the cgroup freezer, once the first one runs the container's program; they do not notice. Throws
   * RuntimeError: FailedPrecondition when not running, Unavailable when the program does not run for half a minute.
   */
  pause(): Promise<void>;
  /** Lets them go on. No error when they are not paused, or gone. */
  resume(): Promise<void>;
  /**
   * Writes the state of the processes into files, by criu; they go on (or stay paused), also when `signal` ends it. No criu is at
   * work any more when it settles. Throws RuntimeError: FailedPrecondition (not running; something that criu cannot write down,
   * with criu's words), ResourceExhausted (disk full), Canceled.
   */
  dump(request: TaskDumpRequest, signal: AbortSignal): Promise<void>;
  /** Ends a {@link dump} into `imageDir` that the daemon before this one has begun, where it is still at work. */
  endLeftDump(imageDir: string): Promise<void>;
  /** Makes conmon close and open the log file again; the old one must have been renamed before. Throws FailedPrecondition when not running. */
  reopenLog(): Promise<void>;
  /** Kills what is left, runs the OCI runtime's `delete --force`, ends conmon, removes the task's own files from the bundle. Idempotent. */
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
  /** 0n when it never ran. */
  readonly startedAtNs: bigint;
  readonly cause: "exited" | "oomKilled" | "startError" | "lost";
  /** For people; "" where the code says all. */
  readonly message: string;
};

export type TaskUpdate = {
  readonly limits: OciLimits;
  /** Of every process of the container; undefined leaves them. No lower than the daemon may set. */
  readonly oomScoreAdj: number | undefined;
};

export type ExecRequest = {
  readonly args: readonly string[];
  /** 0 means none. When it is over the process and its children are killed and RuntimeError DeadlineExceeded is thrown. */
  readonly timeoutMs: number;
};

export type StreamedExecRequest = {
  readonly args: readonly string[];
  /** The command gets a terminal; all of its output is then stdout. */
  readonly terminal: boolean;
};

/**
 * The ends of the streams of an exec or attach that are not the process's. All have back-pressure. The task reads and
 * writes; it ends and destroys none of them. One that its owner destroys is a pipe that is closed for the process.
 */
export type TaskIo = {
  /** Undefined reads as the end. */
  readonly stdin: Readable | undefined;
  /** Undefined throws away. */
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Sizes for the terminal, the present one first; looked at only when there is one. */
  readonly resize: AsyncIterable<TerminalSize>;
};

/** In characters, at most 65,535. */
export type TerminalSize = { readonly width: number; readonly height: number };

/** Each stream is cut at 16 MiB; the process goes on. */
export type ExecResult = {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
};
