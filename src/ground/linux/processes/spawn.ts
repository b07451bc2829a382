import { EventEmitter } from "node:events";
import { closeSync, fchownSync } from "node:fs";
import { Socket } from "node:net";
import { constants } from "node:os";
import { hasCode } from "../../errors/index.ts";
import { asLinuxError, LinuxError } from "../linux-error.ts";
import { makePipe } from "../streams/pipe.ts";
import { endedChild, type ProcessEnd, posixSpawn, reap } from "./spawn-call.ts";

export type SpawnOptions = {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** In a session, and so a process group, of its own. */
  readonly detached?: boolean;
  /** Signals that are blocked in it, and in its children unless they unblock them. */
  readonly blockedSignals?: readonly NodeJS.Signals[];
  /**
   * The process's descriptors 0, 1, ...: /dev/null, a pipe that it reads or writes, an empty closed pipe that
   * it reads, or a descriptor of ours.
   */
  readonly stdio: readonly StdioChoice[];
  /**
   * The owner of the pipes: only the owner and root can open them by name (/dev/stdout). By default our own
   * user.
   */
  readonly pipeOwner?: { readonly uid: number; readonly gid: number };
};

export type StdioChoice = "ignore" | "reads" | "ended" | "writes" | number;

type SubprocessEvents = {
  /** It has ended. */
  exit: [code: number | null, signal: NodeJS.Signals | null];
  /** It has ended, and its pipes are closed. */
  close: [code: number | null, signal: NodeJS.Signals | null];
};

/** A process that we have started; a subset of Node's ChildProcess. */
export class Subprocess extends EventEmitter<SubprocessEvents> {
  readonly pid: number;
  /** Our ends of its pipes, by the numbers of its descriptors. */
  readonly stdio: readonly (Socket | undefined)[];
  /** How it ended; undefined while it runs. */
  end: ProcessEnd | undefined;

  constructor(pid: number, stdio: readonly (Socket | undefined)[]) {
    super();
    this.pid = pid;
    this.stdio = stdio;
    watch(this);
  }

  /**
   * Our end of the pipe at that descriptor. Throws TypeError if there is none, which is a mistake of the
   * caller.
   */
  pipe(descriptor: number): Socket {
    const socket = this.stdio[descriptor];
    if (socket === undefined)
      throw new TypeError(`descriptor ${descriptor} of process ${this.pid} is not a pipe`);
    return socket;
  }

  /** Sends it a signal; false if it has ended. */
  kill(signal: NodeJS.Signals): boolean {
    return this.end === undefined && process.kill(this.pid, signal);
  }

  /**
   * Nobody waits for its end any more, and the event loop does not wait for it: it is only reaped.
   * Afterwards, its pid may be reused.
   */
  disown(): void {
    if (!running.delete(this.pid)) return;
    disowned.add(this.pid);
    restIfIdle();
  }

  /** Only for the watch: reaps the process if it has ended. */
  collect(): boolean {
    const end = reap(this.pid);
    if (end === undefined) return false;
    this.end = end;
    this.emit("exit", end.code, end.signal);
    void Promise.all(this.stdio.map(closed)).then(() => this.emit("close", end.code, end.signal));
    return true;
  }
}

/**
 * Starts a program on this thread, which takes a fraction of a millisecond; Node's own `spawn` copies the
 * page tables of the whole daemon. Throws {@link LinuxError} if it cannot be started: ResourceExhausted if
 * the machine, or a limit of the daemon, has no process, descriptor or memory left for it. Nothing stays open
 * then.
 */
export function spawn(path: string, args: readonly string[], options: SpawnOptions): Subprocess {
  const pipes: (Ends | undefined)[] = [];
  try {
    for (const choice of options.stdio) pipes.push(makeEnds(choice));
    return start(path, args, options, pipes);
  } catch (error) {
    for (const pipe of pipes) if (pipe?.ours !== undefined) closeSync(pipe.ours.fd);
    throw noRoomFor(path, error) ?? error;
  } finally {
    for (const pipe of pipes) if (pipe !== undefined) closeSync(pipe.theirs);
  }
}

/** The ends of a pipe; ours is undefined if it is already closed. */
type Ends = {
  readonly theirs: number;
  readonly ours: { readonly fd: number; readonly readable: boolean; readonly writable: boolean } | undefined;
};

function makeEnds(choice: StdioChoice): Ends | undefined {
  if (typeof choice === "number" || choice === "ignore") return undefined;
  const { readFd, writeFd } = makePipe();
  if (choice === "writes") return { theirs: writeFd, ours: { fd: readFd, readable: true, writable: false } };
  if (choice === "reads") return { theirs: readFd, ours: { fd: writeFd, readable: false, writable: true } };
  closeSync(writeFd);
  return { theirs: readFd, ours: undefined };
}

function start(
  path: string,
  args: readonly string[],
  options: SpawnOptions,
  pipes: readonly (Ends | undefined)[],
): Subprocess {
  const { env, cwd, detached: newSession = false, pipeOwner } = options;
  const blockedSignals = (options.blockedSignals ?? []).map((name) => constants.signals[name]);
  const theirs = options.stdio.map((choice, index) =>
    typeof choice === "number" ? choice : pipes[index]?.theirs,
  );
  if (pipeOwner !== undefined)
    for (const pipe of pipes) if (pipe !== undefined) fchownSync(pipe.theirs, pipeOwner.uid, pipeOwner.gid);
  listen();
  const argv = [path, ...args];
  const pid = posixSpawn({ path, argv, env, cwd, newSession, blockedSignals, descriptors: theirs });
  return new Subprocess(
    pid,
    pipes.map((pipe) => (pipe?.ours === undefined ? undefined : new Socket(pipe.ours))),
  );
}

function noRoomFor(path: string, cause: unknown): LinuxError | undefined {
  if (!hasCode(cause, "ResourceExhausted")) return undefined;
  const { syscall, errno } = asLinuxError(cause, "posix_spawn");
  const remedy =
    "out of processes, descriptors or memory (see TasksMax= and LimitNOFILE= of berthd's unit, ulimit -u and -n, kernel.pid_max)";
  return new LinuxError(syscall, errno, path, { remedy });
}

function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined || socket.destroyed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/**
 * SIGCHLD is sent to the process as a whole and stands for any number of children, so the running children
 * are also recorded for the process as a whole. libuv waits only for its own children.
 */
const running = new Map<number, Subprocess>();
const disowned = new Set<number>();
let timer: NodeJS.Timeout | undefined;

/** Before a child is created: a signal that arrives while nobody listens is lost. */
function listen(): void {
  if (process.listeners("SIGCHLD").includes(collectAll)) return;
  process.on("SIGCHLD", collectAll);
}

/**
 * The timer keeps the event loop alive while a child runs, as Node's own children do; it also checks for
 * ended children, as a safety net that costs nothing.
 */
function watch(child: Subprocess): void {
  running.set(child.pid, child);
  timer ??= setInterval(collectAll, 1000);
}

function collectAll(): void {
  let pid = endedChild();
  while (pid !== undefined && take(pid)) pid = endedChild();
  // The first may be a child of libuv, which libuv itself waits for.
  if (pid !== undefined) for (const each of [...running.keys(), ...disowned]) take(each);
  restIfIdle();
}

/** False for a child that runs, or that is not ours. */
function take(pid: number): boolean {
  if (running.get(pid)?.collect() === true) return running.delete(pid);
  return disowned.has(pid) && reap(pid) !== undefined && disowned.delete(pid);
}

function restIfIdle(): void {
  if (running.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
