import type { Readable, Writable } from "node:stream";
import type { LookUp } from "../../ground/hostpaths/index.ts";
import type { TaskAsked } from "../events/index.ts";
import type { OciLimits, OciProcess, OciSpec } from "./spec/types.ts";
import type { StreamOwner } from "./streams/stream-owner.ts";

/**
 * Tasks: processes of containers, made by an OCI runtime (runtime-spec 1.x) and held by conmon. A task
 * outlives the daemon: {@link Tasks.attach} finds it again after a restart, with the exit that happened
 * meanwhile.
 *
 * The life of a task: `create` makes the container with its first process waiting, `start` lets that run the
 * user's program, it exits by itself or by `kill`, `delete` removes what the OCI runtime, conmon and the task
 * left behind. An exit never removes anything by itself, so that it can be read as often as wanted.
 */
export interface Tasks extends AsyncDisposable {
  /**
   * Says that a task will be made, or a command run in one, within some ten milliseconds: what takes time
   * begins in the background, where there is anything. May be called in vain.
   */
  prewarm(): void;
  /**
   * Writes the bundle's config.json, starts conmon, which runs `create`. Resolves when the container is
   * created, with its first process waiting. The bundle directory must exist; what else lies in it (a mounted
   * rootfs) is left alone. Throws RuntimeError: InvalidArgument (unknown handler), FailedPrecondition
   * (unusable handler), Internal (with the OCI runtime's own message), DeadlineExceeded, Canceled. Nothing is
   * left behind then.
   */
  create(task: TaskSpec, signal?: AbortSignal): Promise<Task>;
  /**
   * Takes up a task after a restart of the daemon: created, running, exited while nobody looked (from
   * conmon's exit file), or lost (conmon was killed, or the machine restarted). Never throws for a task whose
   * files are gone or damaged: that one is lost.
   */
  attach(task: TaskIdentity): Promise<Task>;
  /**
   * Removes what is left of a task that nobody holds, if anything is: its creation or its deletion was cut.
   */
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
   * Its cgroup, as a path in the hierarchies ({@link containerCgroup}): a removal must not have to find it in
   * files that may be damaged. Undefined when it is not known any more.
   */
  readonly cgroup: string | undefined;
};

export type TaskSpec = TaskIdentity & {
  /**
   * OCI runtime spec, complete; made by `buildContainerSpec` or `buildPauseSpec`. It may still be in the
   * making: `create` starts what it can meanwhile, and throws what that throws.
   */
  readonly spec: OciSpec | Promise<OciSpec>;
  readonly io: FirstProcessIo;
  /**
   * cgroup, as a path in the hierarchies, in which conmon and the OCI runtime run; made if it is not there.
   * Undefined leaves them in the daemon's own, as containerd does with its shims.
   */
  readonly monitorCgroup: string | undefined;
  /**
   * Who must own the pipes and FIFOs that are its standard streams. Undefined: its user, where that is none
   * of the host's.
   */
  readonly streamOwner?: StreamOwner | undefined;
  /** It has no root file system that could be pivoted to, such as the initramfs (runc's `--no-pivot`). */
  readonly noPivotRoot?: boolean;
  /** It has the session keyring of whoever starts it (runc's `--no-new-keyring`, keyrings(7)). */
  readonly noNewKeyring?: boolean;
  /** For those who hear of its creation. */
  readonly asked?: TaskAsked;
  /** The processes come from a checkpoint. `create` makes them, stopped; `start` lets them go on. */
  readonly restore?: TaskRestore;
};

/** Where the standard streams of a task's first process lead. All of it outlives the daemon. */
export type FirstProcessIo =
  /** Stdin reads as the end, output is thrown away. */
  | { readonly kind: "none" }
  /** `lookUp` is for the log, whose path is of others. */
  | ({ readonly kind: "console"; readonly lookUp: LookUp } & TaskConsole)
  /**
   * The process has a client's streams itself, and nothing is copied. Output waits there until somebody takes
   * it (in a FIFO, of a process that has ended: until its deletion or the daemon's end), and when a client
   * leaves, another may come. Whoever reads it reads the end when the process, and what it left running, has
   * ended.
   */
  | ({ readonly kind: "client" } & ClientStreams);

/** Streams for whoever is attached ({@link Task.attach}), and a log of the output. */
export type TaskConsole = {
  /** Absolute path, in a directory that exists; undefined keeps no log. CRI format. */
  readonly logPath: string | undefined;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** Stdin ends when the first one who was attached to it leaves. */
  readonly stdinOnce: boolean;
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
  /** The processes end once they are written down. */
  readonly exit?: boolean;
  /** Also what has unix sockets open to others, which a restore must find again. */
  readonly externalUnixSockets?: boolean;
  /** Also what has a terminal of others. */
  readonly terminal?: boolean;
  /** How cgroups are restored: criu's `--manage-cgroups`. */
  readonly cgroupsMode?: "soft" | "full" | "strict" | "ignore" | undefined;
};

/** One container's process. */
export interface Task {
  readonly id: string;
  /** Undefined where no log file is written. */
  readonly log: TaskLog | undefined;
  /** The first process's, also after its end, when it may be another's; 0 where it is not known any more. */
  readonly pid: number;
  /**
   * Its cgroup, as a path in the hierarchies, as its first process had it; undefined where that is not the
   * container's own, and where it is not known any more.
   */
  readonly cgroup: string | undefined;
  state(): TaskState;
  /**
   * The first process's pid, if it is that process's now, by the kernel's word; undefined once it has ended,
   * of which {@link state} may not know yet. For whoever acts on the process: a pid is given to another one
   * after its end.
   */
  livePid(): Promise<number | undefined>;
  /**
   * Runs the user's process. Throws RuntimeError Internal with the OCI runtime's message; the task then ends
   * as exited 128. Of a restored task the processes are looked at first: PermissionDenied when they may do
   * more than the container's could.
   */
  start(signal?: AbortSignal): Promise<void>;
  /** Sends a signal to the first process; SIGKILL ends a paused one too. No error when it is gone already. */
  kill(signal: number): Promise<void>;
  /**
   * Sends a signal to all processes, also those of commands, none of which can fork meanwhile. No error when
   * they are gone already.
   */
  signalAll(signal: number): Promise<void>;
  /** Kills all processes for good: none can be born afterwards. No error when they are gone already. */
  killAll(): Promise<void>;
  /** Resolves when it has exited (at once when it had). */
  wait(signal?: AbortSignal): Promise<TaskExit>;
  /** All processes of the container, also those of commands; none when it has ended. */
  pids(): Promise<readonly number[]>;
  /**
   * Makes a command known, which is not running yet. It is one of {@link processes} until it is deleted.
   * Throws RuntimeError: FailedPrecondition (the task is not running), AlreadyExists (its id is another's).
   */
  exec(command: Command): Promise<Process>;
  /** One of {@link processes}. Throws RuntimeError NotFound. */
  process(id: string): Process;
  /** The commands that were made and not deleted, in that order. */
  processes(): readonly Process[];
  /**
   * {@link exec} from its start to its deletion: runs a command with the container's own user, environment,
   * capabilities and limits, and collects its output. A command that cannot be found or run gives exit code
   * 127 or 126 with the reason on stderr, as a shell does. Throws RuntimeError: FailedPrecondition (not
   * running), DeadlineExceeded and Canceled (its processes are gone then), Internal (with the OCI runtime's
   * message).
   */
  execSync(request: ExecRequest, signal?: AbortSignal): Promise<ExecResult>;
  /**
   * Runs a command like {@link execSync} and connects it to `io`. Resolves when it has exited and all of its
   * output was written. When `signal` aborts its processes are killed. Throws RuntimeError:
   * FailedPrecondition (not running), Canceled (its processes are gone then), Internal.
   */
  execStreamed(
    request: StreamedExecRequest,
    io: TaskIo,
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number }>;
  /**
   * Connects `io` to the first process: its output from now on, and what of its stdin it was made with.
   * Several can be attached at the same time; each gets all output. Resolves when the process has exited and
   * all of its output was written. When `signal` aborts the caller is taken off, the process goes on. Throws
   * RuntimeError: FailedPrecondition (it has exited; its streams are a client's FIFOs), Canceled,
   * ResourceExhausted: whoever is 4 MiB behind and takes no output for ten seconds, or when the process has
   * ended, is taken off, lest the process and its log stand still for ever.
   */
  attach(io: TaskIo, signal: AbortSignal): Promise<void>;
  /**
   * Gives the first process's terminal a size. Throws RuntimeError FailedPrecondition (it has exited; it has
   * no terminal).
   */
  resize(size: TerminalSize): Promise<void>;
  /**
   * No more input comes by the FIFO that is the first process's stdin: it reads the end as soon as no client
   * has that open for writing. As well when the daemon ends. No error when it was closed or the process is
   * gone. Throws RuntimeError FailedPrecondition when its stdin is no FIFO.
   */
  closeStdin(): Promise<void>;
  /**
   * Puts other limits in force; what it leaves out stays as it is. The bundle's config.json says the new
   * ones, so that commands run later have them too. Throws RuntimeError: FailedPrecondition (it has exited,
   * or takes up more memory than the new limit), InvalidArgument (the kernel refuses a value), Internal; some
   * of the limits may be in force then.
   */
  update(update: TaskUpdate, signal?: AbortSignal): Promise<void>;
  /**
   * Stops all processes by the cgroup freezer, once the first one runs the container's program; they do not
   * notice. Throws RuntimeError: FailedPrecondition when not running, Unavailable when the program does not
   * run for half a minute.
   */
  pause(): Promise<void>;
  /** Whether they are stopped now, by whomever. */
  isPaused(): Promise<boolean>;
  /** Lets them go on. No error when they are not paused, or gone. */
  resume(): Promise<void>;
  /**
   * Writes the state of the processes into files, by criu; they go on (or stay paused) unless they are to
   * exit, also when `signal` ends it. No criu is at work any more when it settles. Throws RuntimeError:
   * FailedPrecondition (not running; something that criu cannot write down, with criu's words),
   * ResourceExhausted (disk full), Canceled.
   */
  dump(request: TaskDumpRequest, signal: AbortSignal): Promise<void>;
  /**
   * Kills what is left, runs the OCI runtime's `delete --force`, ends conmon, removes the task's own files
   * from the bundle. Idempotent.
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
 * A command that runs beside a task's first process. Its life: {@link Task.exec} makes it known, `start` runs
 * it, it exits by itself or by a signal, `delete` forgets it. An exit forgets nothing by itself. It does not
 * outlive the daemon: what a daemon leaves that is killed, the next one ends.
 */
export interface Process {
  readonly id: string;
  /** Also after its end, when it may be another's; 0 before it runs, and where it never did. */
  readonly pid: number;
  state(): ProcessState;
  /**
   * Resolves when the command runs, or has run. Throws RuntimeError: FailedPrecondition (it was started
   * before, or the task is not running), Canceled (its processes are gone then), Internal (with the OCI
   * runtime's message, and `commandStatus` when there is no such program or it cannot be run). When it throws
   * the process has exited.
   */
  start(signal?: AbortSignal): Promise<void>;
  /**
   * Sends a signal to the command. No error when it is gone already. Throws RuntimeError FailedPrecondition
   * when it was not started.
   */
  kill(signal: number): Promise<void>;
  /**
   * Kills the command, its children and what is left of its session, and resolves when they are gone. What
   * made itself a session of its own runs on. Throws like {@link kill}.
   */
  killAll(): Promise<void>;
  /**
   * Gives its terminal a size; before the start, the one that it begins with. Throws RuntimeError
   * FailedPrecondition when it has none.
   */
  resize(size: TerminalSize): void;
  /**
   * No more input comes. With FIFOs the command then reads the end as soon as no client has the FIFO open for
   * writing any more.
   */
  closeStdin(): void;
  /**
   * Resolves when the command has exited (at once when it had), with no regard to its output. Throws
   * RuntimeError Canceled.
   */
  wait(signal?: AbortSignal): Promise<ExitStatus>;
  /**
   * After the exit: resolves when nobody writes to its output any more, which something that it left running
   * may do for long, and all of it was taken. When `signal` aborts, what is still to come is given up.
   */
  outputEnded(signal: AbortSignal): Promise<void>;
  /**
   * Forgets it, its id is free then; output that is not taken within two seconds is given up. Idempotent.
   * Throws RuntimeError FailedPrecondition while it runs.
   */
  delete(): Promise<void>;
}

/** What to run beside a task's first process. */
export type Command = {
  /** Unique in its task. */
  readonly id: string;
  readonly process: CommandProcess;
  readonly io: CommandIo;
};

export type CommandProcess =
  /** As the container's first process, with its user, environment, capabilities and limits. */
  | { readonly kind: "likeFirst"; readonly args: readonly string[] }
  /**
   * runtime-spec, config.md, `process`: nothing is added, and what berth does not know is handed on.
   * `terminal` is that of the IO.
   */
  | { readonly kind: "whole"; readonly process: OciProcess };

/** Where a command's standard streams lead. With a terminal, all output is its stdout. */
export type CommandIo = { readonly terminal: boolean } & (
  | ({ readonly kind: "client" } & ClientStreams)
  /** The daemon copies. */
  | ({ readonly kind: "streams" } & TaskIo)
);

/** Streams that a client names. Without a terminal the process has them itself, as its user's. */
export type ClientStreams = {
  /**
   * Path of a FIFO that a client has made, and removes. Undefined reads as the end. What is none is
   * RuntimeError InvalidArgument.
   */
  readonly stdin: string | undefined;
  readonly output: ClientOutput;
  /** For opening them: the paths are the client's. */
  readonly lookUp: LookUp;
};

export type ClientOutput =
  /** Paths as of stdin. Undefined is thrown away. While nobody reads it, the process waits. */
  | { readonly kind: "fifos"; readonly stdout: string | undefined; readonly stderr: string | undefined }
  /**
   * Path of a file that both outputs are appended to; it is made if it is not there, with its directory. What
   * is no regular file is RuntimeError InvalidArgument.
   */
  | { readonly kind: "file"; readonly path: string }
  /** It is started for this process, reads its outputs, and ends after it. */
  | { readonly kind: "program"; readonly program: LoggingProgram };

/** A program that reads a process's outputs by containerd's logging protocol. */
export type LoggingProgram = {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
  /** To close the descriptor on which it says that it is ready is a failure then, not as good as a byte. */
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

/** The code is 255 when it is not known (lost). */
export type TaskExit = ExitStatus & {
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
  /**
   * 0 means none. When it is over the process and its children are killed and RuntimeError DeadlineExceeded
   * is thrown.
   */
  readonly timeoutMs: number;
};

export type StreamedExecRequest = {
  readonly args: readonly string[];
  /** The command gets a terminal; all of its output is then stdout. */
  readonly terminal: boolean;
};

/**
 * The ends of the streams of an exec or attach that are not the process's. All have back-pressure. The task
 * reads and writes; it ends and destroys none of them. One that its owner destroys is a pipe that is closed
 * for the process.
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
