import type { Readable, Writable } from "node:stream";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { TaskAsked } from "../events/index.ts";
import type { OciLimits, OciProcess, OciSpec } from "./spec/types.ts";
import type { StreamOwner } from "./streams/stream-owner.ts";

/**
 * Tasks: processes of containers, created by an OCI runtime (runtime-spec 1.x) and held by conmon. A task
 * outlives the daemon: {@link Tasks.attach} finds it again after a restart, with an exit that happened
 * meanwhile.
 *
 * The life cycle of a task: `create` creates the container with its first process waiting, `start` lets that
 * run the user's program, it exits by itself or by `kill`, `delete` removes what the OCI runtime, conmon and
 * the task left behind. An exit removes nothing, so it can be read any number of times.
 */
export interface Tasks extends AsyncDisposable {
  /**
   * Says that a task will be created, or a command run in one, within some ten milliseconds, so that slow
   * preparations can start in the background. No call need follow.
   */
  prewarm(): void;
  /**
   * Checks that a cgroup (a path as in the hierarchies) that a client chose for a container is unused:
   * everything in it is killed with the container, or if its creation fails. Throws RuntimeError
   * FailedPrecondition.
   */
  checkUnused(cgroup: string): Promise<void>;
  /**
   * Writes the bundle's config.json and starts conmon, which runs `create`. Resolves when the container is
   * created, with its first process waiting. The bundle directory must exist; other things in it (a mounted
   * rootfs) are left alone. Throws RuntimeError: InvalidArgument (unknown handler), FailedPrecondition
   * (unusable handler), Internal (with the OCI runtime's own message), DeadlineExceeded, Canceled. Nothing is
   * left behind then.
   */
  create(task: TaskSpec, signal?: AbortSignal): Promise<Task>;
  /**
   * Finds a task again after a restart of the daemon: created, running, exited meanwhile (from conmon's exit
   * file), or lost (conmon was killed, or the machine restarted). Never throws for a task whose files are
   * missing or damaged: that one is lost.
   */
  attach(task: TaskIdentity): Promise<Task>;
  /**
   * Removes leftovers of a task that nobody holds, if there are any: its creation or its deletion was
   * interrupted.
   */
  remove(task: TaskIdentity): Promise<void>;
}

/** Where a task's files are, and which handler created it: everything that is needed to find it again. */
export type TaskIdentity = {
  readonly id: string;
  /** Name of the runtime handler as resolved (never empty). */
  readonly handler: string;
  /** Private directory of this container under the state directory (tmpfs): config.json, pidfile, sockets. */
  readonly bundleDir: string;
  /**
   * Its cgroup, as a path in the hierarchies ({@link containerCgroup}), so that a removal need not find it in
   * files that may be damaged. Undefined if it is no longer known.
   */
  readonly cgroup: string | undefined;
};

export type TaskSpec = TaskIdentity & {
  /**
   * The complete OCI runtime spec, from `buildContainerSpec` or `buildPauseSpec`. It may not be finished yet:
   * `create` starts what it can meanwhile, and throws what it rejects with.
   */
  readonly spec: OciSpec | Promise<OciSpec>;
  readonly io: FirstProcessIo;
  /**
   * The cgroup, as a path in the hierarchies, in which conmon and the OCI runtime run; created if necessary.
   * If undefined, they run in the daemon's own, as containerd's shims do.
   */
  readonly monitorCgroup: string | undefined;
  /**
   * Owner of the pipes and FIFOs that are its standard streams. Undefined: its user, unless that is a user of
   * the host.
   */
  readonly streamOwner?: StreamOwner | undefined;
  /** Its root file system cannot be pivoted to, such as the initramfs (runc's `--no-pivot`). */
  readonly noPivotRoot?: boolean;
  /** It has the session keyring of whatever starts it (runc's `--no-new-keyring`, keyrings(7)). */
  readonly noNewKeyring?: boolean;
  /** For listeners to its creation. */
  readonly asked?: TaskAsked;
  /** The processes come from a checkpoint. `create` creates them, stopped; `start` lets them continue. */
  readonly restore?: TaskRestore;
};

/** Where the standard streams of a task's first process lead. They outlive the daemon. */
export type FirstProcessIo =
  /** Stdin is empty, output is discarded. */
  | { readonly kind: "none" }
  /** `lookUp` is for the log, whose path comes from outside. */
  | ({ readonly kind: "console"; readonly lookUp: LookUp } & TaskConsole)
  /**
   * The process has the client's streams itself, and nothing is copied. Output waits there until it is read
   * (in a FIFO, for a process that has exited: until its deletion or the daemon's end), and when a client
   * disconnects, another may connect. A reader gets end-of-file when the process, and what it left running,
   * has exited.
   */
  | ({ readonly kind: "client" } & ClientStreams);

/** Streams for attached clients ({@link Task.attach}), and a log of the output. */
export type TaskConsole = {
  /** Absolute path, in an existing directory; undefined: no log. CRI format. */
  readonly logPath: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Stdin ends when the first client that was attached to it disconnects. */
  readonly stdinOnce: boolean;
};

export type TaskRestore = {
  /** The images that criu wrote ({@link Task.dump}), possibly on another machine. */
  readonly imageDir: string;
  readonly criuPath: string;
};

export type TaskDumpRequest = {
  /** An empty directory for criu's images. */
  readonly imageDir: string;
  /** A directory for its log (`dump.log`) and statistics (`stats-dump`). */
  readonly workDir: string;
  readonly criuPath: string;
  /** The processes exit once they are dumped. */
  readonly exit?: boolean;
  /** Allow unix sockets that are connected to other processes, which a restore must find again. */
  readonly externalUnixSockets?: boolean;
  /** Allow a terminal from outside. */
  readonly terminal?: boolean;
  /** How cgroups are restored: criu's `--manage-cgroups`. */
  readonly cgroupsMode?: "soft" | "full" | "strict" | "ignore" | undefined;
};

/** One container's process. */
export interface Task {
  readonly id: string;
  /** Undefined if no log file is written. */
  readonly log: TaskLog | undefined;
  /**
   * The first process's pid, also after its exit, when it may be another process's; 0 if it is no longer
   * known.
   */
  readonly pid: number;
  /**
   * Its cgroup, as a path in the hierarchies, in which its first process was; undefined if that is not the
   * container's own, or is no longer known.
   */
  readonly cgroup: string | undefined;
  state(): TaskState;
  /**
   * The first process's pid, if the kernel says that it is that process's now; undefined once it has exited,
   * which {@link state} may not know yet. For callers that act on the process: a pid is reused after its
   * exit.
   */
  livePid(): Promise<number | undefined>;
  /**
   * Runs the user's process. Throws RuntimeError Internal with the OCI runtime's message; the task then ends
   * as exited 128. The processes of a restored task are checked first: PermissionDenied if they have more
   * privileges than the container.
   */
  start(signal?: AbortSignal): Promise<void>;
  /** Sends a signal to the first process; SIGKILL ends a paused one too. Not an error if it has exited. */
  kill(signal: number): Promise<void>;
  /**
   * Sends a signal to all processes, also those of commands, none of which can fork meanwhile. Not an error
   * if they have exited.
   */
  signalAll(signal: number): Promise<void>;
  /** Kills all processes for good: no new ones can start. Not an error if they have exited. */
  killAll(): Promise<void>;
  /** Resolves when it has exited (at once if it already has). */
  wait(signal?: AbortSignal): Promise<TaskExit>;
  /** All processes of the container, also those of commands; none after its exit. */
  pids(): Promise<readonly number[]>;
  /**
   * Creates a command, which is not running yet. It is one of {@link processes} until it is deleted. Throws
   * RuntimeError: FailedPrecondition (the task is not running), AlreadyExists (its id is in use).
   */
  exec(command: Command): Promise<Process>;
  /** One of {@link processes}. Throws RuntimeError NotFound. */
  process(id: string): Process;
  /** The commands that were created and not deleted, in that order. */
  processes(): readonly Process[];
  /**
   * {@link exec} from start to deletion: runs a command with the container's own user, environment,
   * capabilities and limits, and collects its output. A command that cannot be found or executed gives exit
   * code 127 or 126 with the reason on stderr, as in a shell. Throws RuntimeError: FailedPrecondition (not
   * running), DeadlineExceeded and Canceled (its processes are gone then), Internal (with the OCI runtime's
   * message).
   */
  execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /**
   * Runs a command like {@link execSync} and connects it to `io`. Resolves when it has exited and all of its
   * output was written. When `signal` aborts, its processes are killed. Throws RuntimeError:
   * FailedPrecondition (not running), Canceled (its processes are gone then), Internal.
   */
  execStreamed(
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }>;
  /**
   * Connects `io` to the first process: its output from now on, and its stdin, if it was created with one.
   * Several clients can be attached at the same time; each gets all output. Resolves when the process has
   * exited and all of its output was written. When `signal` aborts, the caller is detached; the process
   * continues. Throws RuntimeError: FailedPrecondition (it has exited; its streams are a client's FIFOs),
   * Canceled, ResourceExhausted: a client that is 4 MiB behind and accepts no output for ten seconds, or
   * after the process has exited, is detached, so that it cannot block the process and its log for ever.
   */
  attach(io: TaskIo, signal: AbortSignal): Promise<void>;
  /**
   * Sets the size of the first process's terminal. Throws RuntimeError FailedPrecondition (it has exited; it
   * has no terminal).
   */
  resize(size: TerminalSize): Promise<void>;
  /**
   * Closes the FIFO that is the first process's stdin: the process reads end-of-file as soon as no client has
   * it open for writing; so it does when the daemon ends. Not an error if it was closed or the process has
   * exited. Throws RuntimeError FailedPrecondition if its stdin is not a FIFO.
   */
  closeStdin(): Promise<void>;
  /**
   * Applies new limits; omitted ones stay as they are. The bundle's config.json gets the new ones, so that
   * later commands have them too. Throws RuntimeError: FailedPrecondition (it has exited, or uses more memory
   * than the new limit), InvalidArgument (the kernel rejects a value), Internal; some of the limits may be in
   * force then.
   */
  update(update: TaskUpdate, signal?: AbortSignal): Promise<void>;
  /**
   * Stops all processes with the cgroup freezer, once the first one runs the container's program; they do not
   * notice. Throws RuntimeError: FailedPrecondition if it is not running, Unavailable if the program does not
   * run within half a minute.
   */
  pause(): Promise<void>;
  /** Whether they are stopped now, no matter by whom. */
  isPaused(): Promise<boolean>;
  /** Resumes them. Not an error if they are not paused, or have exited. */
  resume(): Promise<void>;
  /**
   * Dumps the state of the processes into files, with criu; they continue (or stay paused) unless they are to
   * exit, also when `signal` aborts it. criu has ended when this settles. Throws RuntimeError:
   * FailedPrecondition (not running; something that criu cannot dump, with criu's message), ResourceExhausted
   * (disk full), Canceled.
   */
  dump(request: TaskDumpRequest, signal: AbortSignal): Promise<void>;
  /**
   * Kills remaining processes, runs the OCI runtime's `delete --force`, ends conmon, and removes the task's
   * own files from the bundle. Idempotent.
   */
  delete(): Promise<void>;
}

/** The log file of a task's first process. */
export type TaskLog = {
  /**
   * Closes the file and opens it again; the old one must have been renamed before. Throws RuntimeError
   * FailedPrecondition when not running, and what `lookUp` throws.
   */
  reopen(lookUp: LookUp): Promise<void>;
};

/**
 * A command that runs next to a task's first process. Its life cycle: {@link Task.exec} creates it, `start`
 * runs it, it exits by itself or by a signal, `delete` removes it. An exit removes nothing. It does not
 * outlive the daemon: if a daemon is killed, the next one kills its commands.
 */
export interface Process {
  readonly id: string;
  /** Also after its exit, when it may be another process's; 0 before it runs, and if it never did. */
  readonly pid: number;
  state(): ProcessState;
  /**
   * Resolves when the command runs, or has run. Throws RuntimeError: FailedPrecondition (it was started
   * before, or the task is not running), Canceled (its processes are gone then), Internal (with the OCI
   * runtime's message, and `commandStatus` if the program does not exist or cannot be executed). If it
   * throws, the process has exited.
   */
  start(signal?: AbortSignal): Promise<void>;
  /**
   * Sends a signal to the command. Not an error if it has exited. Throws RuntimeError FailedPrecondition if
   * it was not started.
   */
  kill(signal: number): Promise<void>;
  /**
   * Kills the command, its children and the rest of its session, and resolves when they are gone. Processes
   * that created their own session keep running. Throws like {@link kill}.
   */
  killAll(): Promise<void>;
  /**
   * Sets the size of its terminal; before the start, its initial size. Throws RuntimeError FailedPrecondition
   * if it has none.
   */
  resize(size: TerminalSize): void;
  /**
   * Closes its stdin. With FIFOs the command then reads end-of-file as soon as no client has the FIFO open
   * for writing.
   */
  closeStdin(): void;
  /**
   * Resolves when the command has exited (at once if it already has), regardless of its output. Throws
   * RuntimeError Canceled.
   */
  wait(signal?: AbortSignal): Promise<ExitStatus>;
  /**
   * After the exit: resolves when nothing writes to its output any longer, which may take long if it left
   * processes running, and all of it was read. When `signal` aborts, the rest is dropped.
   */
  outputEnded(signal: AbortSignal): Promise<void>;
  /**
   * Removes it; its id is then free; output that is not read within two seconds is dropped. Idempotent.
   * Throws RuntimeError FailedPrecondition while it runs.
   */
  delete(): Promise<void>;
}

/** A command to run in a task, in addition to its first process. */
export type Command = {
  /** Unique in its task. */
  readonly id: string;
  readonly process: CommandProcess;
  readonly io: CommandIo;
};

export type CommandProcess =
  /** Like the container's first process, with its user, environment, capabilities and limits. */
  | { readonly kind: "likeFirst"; readonly args: readonly string[] }
  /**
   * runtime-spec, config.md, `process`: nothing is added, and properties that berth does not know are passed
   * on. `terminal` is set by the IO.
   */
  | { readonly kind: "whole"; readonly process: OciProcess };

/** Where a command's standard streams lead. With a terminal, all output is its stdout. */
export type CommandIo = { readonly terminal: boolean } & (
  | ({ readonly kind: "client" } & ClientStreams)
  /** The daemon copies. */
  | ({ readonly kind: "streams" } & TaskIo)
);

/** Streams named by a client. Without a terminal the process has them itself, owned by its user. */
export type ClientStreams = {
  /**
   * Path of a FIFO that the client creates and removes. Undefined: stdin is empty. RuntimeError
   * InvalidArgument if it is not a FIFO.
   */
  readonly stdin: string | undefined;
  readonly output: ClientOutput;
  /** For opening them: the paths come from the client. */
  readonly lookUp: LookUp;
};

export type ClientOutput =
  /** Paths as for stdin. Undefined: discarded. While nobody reads it, the process waits. */
  | { readonly kind: "fifos"; readonly stdout: string | undefined; readonly stderr: string | undefined }
  /**
   * Path of a file to which both outputs are appended; it is created if necessary, with its directory.
   * RuntimeError InvalidArgument if it is not a regular file.
   */
  | { readonly kind: "file"; readonly path: string }
  /** It is started for this process, reads its outputs, and exits after it. */
  | { readonly kind: "program"; readonly program: LoggingProgram };

/** A program that reads a process's outputs with containerd's logging protocol. */
export type LoggingProgram = {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Closing the descriptor on which it reports that it is ready is then a failure, not equivalent to writing
   * a byte.
   */
  readonly mustSayReady: boolean;
};

export type ProcessState =
  | { readonly kind: "created" }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | { readonly kind: "exited"; readonly exit: ExitStatus };

export type ExitStatus = {
  /** 0-255; 128+n for a signal. */
  readonly exitCode: number;
  readonly finishedAtNs: bigint;
};

export type TaskState =
  | { readonly kind: "created"; readonly pid: number }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | { readonly kind: "exited"; readonly exit: TaskExit };

/** The code is 255 if it is not known (lost). */
export type TaskExit = ExitStatus & {
  /** 0n if it never ran. */
  readonly startedAtNs: bigint;
  readonly cause: "exited" | "oomKilled" | "startError" | "lost";
  /** For people; "" if the code says everything. */
  readonly message: string;
};

export type TaskUpdate = {
  readonly limits: OciLimits;
  /**
   * The score for every process of the container; undefined for no change. Not lower than the daemon may set.
   */
  readonly oomScoreAdj: number | undefined;
};

export type ExecRequest = {
  readonly args: readonly string[];
  /**
   * 0 means none. After it, the process and its children are killed and RuntimeError DeadlineExceeded is
   * thrown.
   */
  readonly timeoutMs: number;
};

export type StreamedExecRequest = {
  readonly args: readonly string[];
  /** The command gets a terminal; all of its output is then stdout. */
  readonly terminal: boolean;
};

/**
 * The client's ends of the streams of an exec or attach. All have back-pressure. The task reads and writes;
 * it ends and destroys none of them. A stream that its owner destroys is a closed pipe for the process.
 */
export type TaskIo = {
  /** Undefined: stdin is empty. */
  readonly stdin: Readable | undefined;
  /** Undefined: discarded. */
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Sizes for the terminal, the current one first; used only if there is a terminal. */
  readonly resize: AsyncIterable<TerminalSize>;
};

/** In characters, at most 65,535. */
export type TerminalSize = { readonly width: number; readonly height: number };

/** Each stream is cut at 16 MiB; the process continues. */
export type ExecResult = {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
};
