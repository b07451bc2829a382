import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir } from "../../src/testing/temp-dir.ts";
import type { TestBerth } from "./berth.ts";
import { exited, type TestPod } from "./pod.ts";

const run = promisify(execFile);

/** A system call of x86-64 with arguments that do no harm: a number, or a name for a zeroed buffer or a bad address. */
export type SystemCall = {
  readonly name: string;
  readonly number: number;
  readonly args: readonly (number | "buffer")[];
};

/** Makes each call in a process of its own, as some do not come back, and prints its name and errno. */
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

/** Makes the calls in a container of an image with perl and gives their errno, 0 for success. */
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
  await exited(berth, id);
  const lines = (await pod.log(name)).map((line) => line.split(" "));
  return new Map(lines.map(([, , call = "", errno]) => [call, Number(errno)]));
}

/** What `int 0x80` leads to are the calls of 32-bit x86, from programs of either kind. */
export type ProgramBits = 32 | 64;

/**
 * A program for x86 that makes one system call of its 32-bit kind, by its number there, with zeros, and ends with its errno as exit
 * code.
 */
export function interruptProgram(number: number, bits: ProgramBits): Uint8Array {
  const code = [
    ...[0xb8, number & 0xff, number >> 8, 0, 0], // mov eax, number
    ...[0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff], // ebx, ecx, edx, esi, edi = 0
    ...[0xcd, 0x80], // int 0x80
    ...[0xf7, 0xd8, 0x89, 0xc3], // ebx = -eax
    ...[0xb8, 1, 0, 0, 0, 0xcd, 0x80], // exit
  ];
  return elf(Buffer.from(code), bits);
}

/** Whether the kernel has these calls: it can be built without them, and a hypervisor can do without. */
export async function has32BitCalls(bits: ProgramBits): Promise<boolean> {
  await using directory = await tempDir();
  const program = join(directory.path, "close");
  await writeFile(program, interruptProgram(6, bits), { mode: 0o755 });
  return await run(program).then(
    () => true,
    () => false,
  );
}

const base = 0x08048000;

/** An ELF file with one loadable segment that is the whole file, readable and executable; the entry is behind the headers. */
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

/** Makes each call in a process of its own, and prints what became of it. */
const outcomeScript = `
$| = 1;
for (split /;/, $ENV{CALLS}) {
  my ($name, $number, @args) = split / /;
  my $pid = fork;
  if (!$pid) {
    my $trapped = 0;
    $SIG{SYS} = sub { $trapped = 1 };
    my $result = syscall($number, map { $_ + 0 } @args);
    my $errno = $result == -1 ? $! + 0 : 0;
    syswrite STDOUT, $trapped ? "$name trapped\\n" : "$name errno $errno\\n";
    kill 9, $$;
  }
  waitpid $pid, 0;
  syswrite STDOUT, "$name killed\\n" if ($? & 127) == 31;
}
`;

/**
 * What becomes of calls in a container of an image with perl: killed, trapped, "errno" and the number that a filter gives (from 100
 * on, and 1 and 38), or passed on to the kernel, whatever that says.
 */
export async function outcomesIn(
  berth: TestBerth,
  pod: TestPod,
  name: string,
  image: string,
  calls: readonly SystemCall[],
  securityContext: Security,
): Promise<ReadonlyMap<string, string>> {
  const text = calls.map((call) => [call.name, call.number, ...call.args].join(" ")).join(";");
  const id = await pod.shell(name, image, "", {
    command: ["/usr/bin/perl", "-e", outcomeScript],
    envs: [{ key: "CALLS", value: Buffer.from(text) }],
    linux: { securityContext },
  });
  await exited(berth, id);
  const lines = (await pod.log(name)).map((line) => line.split(" "));
  return new Map(
    lines.map(([, , call = "", what = "", errno = ""]) => [call, what === "errno" ? filtered(errno) : what]),
  );
}

/** No kernel answers those calls so. */
function filtered(errno: string): string {
  return errno === "1" || errno === "38" || Number(errno) >= 100 ? `errno ${errno}` : "passed";
}
