import { constants } from "node:os";
import koffi from "koffi";
import { libcFunction } from "../libc.ts";
import { errnoName, LinuxError } from "../linux-error.ts";

/** Sizes of glibc's opaque structures, with room to spare: they are 80, 336 and 128 bytes. */
const actionsBytes = 256;
const attributesBytes = 512;
const signalSetBytes = 256;

const actionsInit = libcFunction("int posix_spawn_file_actions_init(_Out_ uint8_t *actions)");
const actionsDestroy = libcFunction("int posix_spawn_file_actions_destroy(_Inout_ uint8_t *actions)");
const addDup = libcFunction(
  "int posix_spawn_file_actions_adddup2(_Inout_ uint8_t *actions, int fd, int target)",
);
const addOpen = libcFunction(
  "int posix_spawn_file_actions_addopen(_Inout_ uint8_t *actions, int target, const char *path, int flags, unsigned int mode)",
);
const addCloseFrom = libcFunction(
  "int posix_spawn_file_actions_addclosefrom_np(_Inout_ uint8_t *actions, int from)",
);
const addChdir = libcFunction(
  "int posix_spawn_file_actions_addchdir_np(_Inout_ uint8_t *actions, const char *path)",
);
const attributesInit = libcFunction("int posix_spawnattr_init(_Out_ uint8_t *attributes)");
const setFlags = libcFunction("int posix_spawnattr_setflags(_Inout_ uint8_t *attributes, short flags)");
const setDefaultSignals = libcFunction(
  "int posix_spawnattr_setsigdefault(_Inout_ uint8_t *attributes, const uint8_t *set)",
);
const setSignalMask = libcFunction(
  "int posix_spawnattr_setsigmask(_Inout_ uint8_t *attributes, const uint8_t *set)",
);
const fillSignals = libcFunction("int sigfillset(_Out_ uint8_t *set)");
const spawnCall = libcFunction(
  "int posix_spawn(_Out_ int *pid, const char *path, const uint8_t *actions, const uint8_t *attributes, const char **argv, const char **envp)",
);

const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const O_RDWR = 2;

export type SpawnCall = {
  /** Absolute. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whether it gets its own session, and so its own process group. */
  readonly newSession: boolean;
  /** Numbers of signals that are blocked in it and in its children. */
  readonly blockedSignals: readonly number[];
  /**
   * The descriptors 0, 1, ... of the new process: one of ours, or undefined for /dev/null. All others are
   * closed.
   */
  readonly descriptors: readonly (number | undefined)[];
};

/**
 * posix_spawn(3) with default actions for all signals. glibc creates the new process without copying this
 * one's page tables, for which fork(2), and so Node's own `spawn`, takes ten milliseconds or more in a
 * process of our size. Returns the pid. Throws {@link LinuxError} (ENOENT, EACCES, EAGAIN).
 */
export function posixSpawn(call: SpawnCall): number {
  const actions = Buffer.alloc(actionsBytes);
  must(actionsInit(actions), call.path);
  try {
    call.descriptors.forEach((fd, target) => {
      const added =
        fd === undefined ? addOpen(actions, target, "/dev/null", O_RDWR, 0) : addDup(actions, fd, target);
      must(added, call.path);
    });
    must(addCloseFrom(actions, call.descriptors.length), call.path);
    must(addChdir(actions, call.cwd), call.path);
    const pid = [-1];
    const argv = [...call.argv, null];
    const envp = [...Object.entries(call.env).map(([name, value]) => `${name}=${value}`), null];
    must(spawnCall(pid, call.path, actions, attributes(call), argv, envp), call.path);
    return pid[0] ?? -1;
  } finally {
    actionsDestroy(actions);
  }
}

function attributes({ newSession, blockedSignals }: SpawnCall): Buffer {
  const buffer = Buffer.alloc(attributesBytes);
  attributesInit(buffer);
  const all = Buffer.alloc(signalSetBytes);
  fillSignals(all);
  setDefaultSignals(buffer, all);
  setSignalMask(buffer, signalSet(blockedSignals));
  setFlags(buffer, SETSIGDEF | SETSIGMASK | (newSession ? SETSID : 0));
  return buffer;
}

/** sigset_t: a bit for each signal, from 1 on, in machine words (little-endian). */
function signalSet(signals: readonly number[]): Buffer {
  const set = Buffer.alloc(signalSetBytes);
  for (const signal of signals) {
    const at = (signal - 1) >> 3;
    set.writeUInt8(set.readUInt8(at) | (1 << ((signal - 1) & 7)), at);
  }
  return set;
}

/** These functions return the error's number instead of setting errno. */
function must(result: number, path: string): void {
  if (result !== 0) throw new LinuxError("posix_spawn", errnoName(result), path);
}

const waitCall = libcFunction("int waitpid(int pid, _Out_ int *status, int options)");
const waitIdCall = libcFunction("int waitid(int type, unsigned int id, _Inout_ uint8_t *info, int options)");
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x1000000;
const P_ALL = 0;
/** siginfo_t, and the offset of the child's pid in it. */
const infoBytes = 128;
const infoPid = 16;

/**
 * The pid of a child that has ended and was not waited for, whoever started it; it remains a zombie
 * (waitid(2)). Undefined if there is none. One system call, however many children run.
 */
export function endedChild(): number | undefined {
  const info = Buffer.alloc(infoBytes);
  if (waitIdCall(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT) === -1) return undefined;
  return info.readInt32LE(infoPid) || undefined;
}

/**
 * How a process ended, as `ChildProcess` reports it: an exit code, or the name of the signal that killed it.
 */
export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** waitpid(2) for one of our children, without waiting: undefined while it runs. */
export function reap(pid: number): ProcessEnd | undefined {
  const status = [0];
  const result = waitCall(pid, status, WNOHANG);
  if (result === 0) return undefined;
  if (result === -1) throw new LinuxError("waitpid", errnoName(koffi.errno()), `process ${pid}`);
  const word = status[0] ?? 0;
  const signalNumber = word & 0x7f;
  if (signalNumber === 0) return { code: (word >> 8) & 0xff, signal: null };
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signalNumber) ?? [
    "SIGKILL",
  ];
  return { code: null, signal: name as NodeJS.Signals };
}
