import type { TestEntry } from "../../src/testing/images.ts";
import { allowed, call, refused } from "./harmless-calls.ts";
import { type CallingProgram, interruptProgram, type SystemCall } from "./system-calls.ts";

/** A system call that is harmless with any values of its first arguments. */
type Varied = {
  readonly name: string;
  readonly number: number;
  /** How many arguments are varied. */
  readonly width: number;
  /** Its number in 32-bit x86, if it has the same arguments there. */
  readonly number32?: number;
};

/** OCI runtimes, C libraries and perl make none of these on their way to a probe. */
export const varied: readonly Varied[] = [
  { name: "readahead", number: 187, width: 3 },
  { name: "sync_file_range", number: 277, width: 3 },
  { name: "inotify_init1", number: 294, width: 1, number32: 332 },
  { name: "msync", number: 26, width: 3, number32: 144 },
  { name: "pkey_alloc", number: 330, width: 2 },
  { name: "getpriority", number: 140, width: 2, number32: 96 },
  { name: "ioprio_get", number: 252, width: 2, number32: 290 },
  { name: "sched_get_priority_max", number: 146, width: 1, number32: 159 },
  { name: "getsid", number: 124, width: 1, number32: 147 },
  { name: "kcmp", number: 312, width: 3, number32: 349 },
  { name: "timerfd_create", number: 283, width: 2, number32: 322 },
  { name: "socket", number: 41, width: 3 },
  { name: "shutdown", number: 48, width: 2 },
  { name: "personality", number: 135, width: 1, number32: 136 },
];

/** Calls that a container's processes make before the first probe, or to make one, whatever is under test. */
const neededByAll =
  /^(clone|vfork|unshare|close_range|rseq|set_robust_list|mmap|prctl|seccomp|capset|openat2|statx|faccessat2|memfd_create)\b/;

const isVaried = (call: SystemCall) => varied.some(({ number }) => number === call.number);

/** One list of calls for each class of system calls. */
export const classes: readonly (readonly SystemCall[])[] = [...refused, ...allowed]
  .map(({ calls }) => calls.filter((each) => !neededByAll.test(each.name) && !isVaried(each)))
  .filter((calls) => calls.length > 0);

/** Values at which the results of rules and probes change. */
export const interesting: readonly number[] = [
  0, 1, 2, 3, 7, 8, 9, 38, 39, 40, 41, 0x2_0000, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff, 0x1_0000_0000,
  0x1_0000_0001,
];

const combinations: readonly (readonly [number, number, number])[] = [
  [0, 1, 2],
  [1, 38, 8],
  [2, 0x1_0000_0001, 0],
  [8, 0, 0x7fff_ffff],
  [38, 8, 1],
  [40, 0xffff_ffff, 38],
  [0x1_0000_0001, 3, 0x1_0000_0000],
];

const named = (name: string, args: readonly number[]) =>
  [name, ...args.map((arg) => arg.toString(16))].join("-");

const wide: readonly SystemCall[] = varied.flatMap(({ name, number, width }) =>
  combinations.map((values) => {
    const args = values.slice(0, width);
    return call(named(name, args), number, ...args, ...(name === "sync_file_range" ? [0] : []));
  }),
);

const narrow = varied.flatMap(({ name, width, number32 }) =>
  number32 === undefined
    ? []
    : [combinations[1], combinations[3], combinations[4]].map((values = [0, 0, 0]) => {
        const args = values.slice(0, width);
        return { name: `x86-${named(name, args)}`, number: number32, args };
      }),
);

/** Programs that make calls of 32-bit x86, for the image. */
export const probePrograms: readonly TestEntry[] = narrow.map(({ name, number, args }) => ({
  name: `bin/${name}`,
  mode: 0o755,
  content: interruptProgram(number, 32, args),
}));

/** The calls of {@link probePrograms}. */
export const probes32: readonly CallingProgram[] = narrow.map(({ name }) => ({
  name,
  program: `/bin/${name}`,
}));

/**
 * Every class of system calls, arguments on both sides of the conditions, and the other 64-bit architecture
 * of x86-64.
 */
export const probes64: readonly SystemCall[] = [
  ...classes.flat(),
  ...wide,
  ...varied.slice(0, 8).map(({ name, number }) => call(`x32-${name}`, 0x4000_0000 + number, 8, 9, 7, ...[0])),
];
