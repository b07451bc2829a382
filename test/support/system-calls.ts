import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "../../src/testing/temp-dir.ts";
import type { TestBerth } from "./berth.ts";
import { exited, type TestPod } from "./pod.ts";

const run = promisify(execFile);

/**
 * A system call of x86-64 with harmless arguments: a number, or a name for a zeroed buffer or a bad address.
 */
export type SystemCall = {
  readonly name: string;
  readonly number: number;
  readonly args: readonly (number | "buffer")[];
};

/** Makes each call in a separate process, since some do not return, and prints its name and errno. */
const script = `
$| = 1;
for (split /;/, $ENV{CALLS}) {
  my ($name, $number, @args) = split / /;
  my $pid = fork;
  if (!$pid) {
    my $buffer = "\\0" x 4096;
    alarm 5;
    my $result = syscall($number, map { $_ eq "buffer" ? $buffer : $_ + 0 } @args);
    my $errno = $result == -1 ? $! + 0 : 0;
    syswrite STDOUT, "$name $errno\\n";
    kill 9, $$;
  }
  waitpid $pid, 0;
}
`;

type Security = NonNullable<
  NonNullable<NonNullable<Parameters<TestPod["shell"]>[3]>["linux"]>["securityContext"]
>;

/** Makes the calls in a container of an image with perl and returns their errno, 0 for success. */
export async function callsIn(
  berth: TestBerth,
  pod: TestPod,
  name: string,
  image: string,
  calls: readonly SystemCall[],
  securityContext: Security,
): Promise<ReadonlyMap<string, number>> {
  const text = calls.map((call) => [call.name, call.number, ...call.args].join(" ")).join(";");
  const id = await pod.shell(name, image, "", {
    command: ["/usr/bin/perl", "-e", script],
    envs: [{ key: "CALLS", value: Buffer.from(text) }],
    linux: { securityContext },
  });
  // There is a process for each call that a filter kills: hundreds, on a machine that may have other work.
  await exited(berth, id, { limitMs: 300_000 });
  const lines = (await pod.log(name)).map((line) => line.split(" "));
  return new Map(lines.map(([, , call = "", errno]) => [call, Number(errno)]));
}

/** `int 0x80` makes calls of 32-bit x86, from programs of either kind. */
export type ProgramBits = 32 | 64;

/**
 * A program for x86 that makes one system call of its 32-bit kind, by its number there, with up to three
 * arguments and zeros, and ends with its errno as exit code.
 */
export function interruptProgram(
  number: number,
  bits: ProgramBits,
  args: readonly number[] = [],
): Uint8Array {
  const code = [
    ...[0xb8, number & 0xff, number >> 8, 0, 0], // mov eax, number
    ...[0x31, 0xf6, 0x31, 0xff], // esi, edi = 0
    // mov ebx, ecx and edx
    ...[0xbb, 0xb9, 0xba].flatMap((move, index) => [move, ...bytes32(args[index] ?? 0)]),
    ...[0xcd, 0x80], // int 0x80
    ...[0xf7, 0xd8, 0x89, 0xc3], // ebx = -eax
    ...[0xb8, 1, 0, 0, 0, 0xcd, 0x80], // exit
  ];
  return elf(Buffer.from(code), bits);
}

/** Whether the kernel supports these calls: it can be built without them, and a hypervisor can lack them. */
export async function has32BitCalls(bits: ProgramBits): Promise<boolean> {
  await using directory = await tempDir();
  const program = join(directory.path, "close");
  await writeFile(program, interruptProgram(6, bits), { mode: 0o755 });
  return await run(program).then(
    () => true,
    () => false,
  );
}

function bytes32(value: number): readonly number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...bytes];
}

const base = 0x08048000;

/**
 * An ELF file with one loadable segment that is the whole file, readable and executable; the entry is behind
 * the headers.
 */
function elf(code: Buffer, bits: ProgramBits): Uint8Array {
  const wide = bits === 64;
  const [headerSize, segmentSize] = wide ? [64, 56] : [52, 32];
  const headers = Buffer.alloc(headerSize + segmentSize);
  const word = (value: number, offset: number) =>
    wide ? headers.writeBigUInt64LE(BigInt(value), offset) : headers.writeUInt32LE(value, offset);
  const width = bits / 8;
  // Little endian; executable, for x86-64 or the 80386.
  headers.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  headers.writeUInt16LE(2, 16);
  headers.writeUInt16LE(wide ? 62 : 3, 18);
  headers.writeUInt32LE(1, 20);
  word(base + headers.length, 24);
  word(headerSize, 24 + width);
  const sizes = 24 + 3 * width + 4;
  headers.writeUInt16LE(headerSize, sizes);
  headers.writeUInt16LE(segmentSize, sizes + 2);
  headers.writeUInt16LE(1, sizes + 4);
  const size = headers.length + code.length;
  headers.writeUInt32LE(1, headerSize);
  if (wide) headers.writeUInt32LE(5, headerSize + 4);
  const fields = wide ? headerSize + 8 : headerSize + 4;
  [0, base, base, size, size].forEach((value, index) => {
    word(value, fields + index * width);
  });
  if (!wide) headers.writeUInt32LE(5, headerSize + 24);
  word(4096, headerSize + segmentSize - width);
  return Buffer.concat([headers, code]);
}

/**
 * Makes the calls in one process after the other, a new one where a call has ended it, and prints what became
 * of each. Descriptors that calls make are closed, so that what the kernel says to the next ones does not
 * hang on them.
 */
const outcomeScript = `
$| = 1;
my @all = split /;/, $ENV{CALLS};
for (grep { m{ /} } @all) {
  my ($name, $program) = split / /;
  system $program;
  print "$name ", ($? & 127) == 31 ? "killed" : "errno " . ($? >> 8), "\\n";
}
my @calls = grep { !m{ /} } @all;
while (@calls) {
  pipe my $reader, my $writer;
  my $pid = fork;
  if (!$pid) {
    my $trapped;
    $SIG{SYS} = sub { $trapped = 1 };
    for (@calls) {
      my ($name, $number, @args) = split / /;
      my $buffer = "\\0" x 4096;
      $trapped = 0;
      alarm 5;
      my $result = syscall($number, map { $_ eq "buffer" ? $buffer : $_ + 0 } @args);
      my $errno = $result == -1 ? $! + 0 : 0;
      syswrite $writer, $trapped ? "$name trapped\\n" : "$name errno $errno\\n";
      syscall(3, $result) if $result > 2 && $name =~ /^(socket|timerfd|inotify)/;
    }
    kill 9, $$;
  }
  close $writer;
  while (<$reader>) {
    print;
    shift @calls;
  }
  waitpid $pid, 0;
  if (@calls) {
    my ($name) = split / /, shift @calls;
    print "$name ", ($? & 127) == 31 ? "killed" : "ended by " . ($? & 127), "\\n";
  }
}
`;

/** A program of the image that makes one system call, as {@link interruptProgram} makes them. */
export type CallingProgram = { readonly name: string; readonly program: `/${string}` };

/**
 * What becomes of calls in a container of an image with perl: "killed", "trapped", or "errno" and its number,
 * 0 for success.
 */
export async function outcomesIn(
  berth: TestBerth,
  pod: TestPod,
  name: string,
  image: string,
  calls: readonly (SystemCall | CallingProgram)[],
  securityContext: Security,
): Promise<ReadonlyMap<string, string>> {
  const words = calls.map((call) =>
    "program" in call ? [call.name, call.program] : [call.name, call.number, ...call.args],
  );
  const text = words.map((each) => each.join(" ")).join(";");
  const id = await pod.shell(name, image, "", {
    command: ["/usr/bin/perl", "-e", outcomeScript],
    envs: [{ key: "CALLS", value: Buffer.from(text) }],
    linux: { securityContext },
  });
  await exited(berth, id);
  const lines = (await pod.log(name)).map((line) => line.split(" "));
  return new Map(lines.map(([, , call = "", ...outcome]) => [call, outcome.join(" ")]));
}
