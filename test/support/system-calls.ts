import type { TestBerth } from "./berth.ts";
import { exited, type TestPod } from "./pod.ts";

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

/** A program for 32-bit x86 that makes one system call, by its number there, with zeros, and ends with its errno as exit code. */
export function program32(number: number): Uint8Array {
  const base = 0x08048000;
  const headers = Buffer.alloc(84);
  // ELF, 32 bits, little endian; executable, Intel 80386; the entry is behind the headers.
  headers.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  headers.writeUInt16LE(2, 16);
  headers.writeUInt16LE(3, 18);
  headers.writeUInt32LE(1, 20);
  headers.writeUInt32LE(base + headers.length, 24);
  headers.writeUInt32LE(52, 28);
  headers.writeUInt16LE(52, 40);
  headers.writeUInt16LE(32, 42);
  headers.writeUInt16LE(1, 44);
  const code = [
    ...[0xb8, number & 0xff, number >> 8, 0, 0], // mov eax, number
    ...[0x31, 0xdb, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6, 0x31, 0xff], // ebx, ecx, edx, esi, edi = 0
    ...[0xcd, 0x80], // int 0x80
    ...[0xf7, 0xd8, 0x89, 0xc3], // ebx = -eax
    ...[0xb8, 1, 0, 0, 0, 0xcd, 0x80], // exit
  ];
  // One loadable segment that is the whole file, readable and executable.
  const size = headers.length + code.length;
  [1, 0, base, base, size, size, 5, 4096].forEach((word, index) => {
    headers.writeUInt32LE(word, 52 + index * 4);
  });
  return Buffer.concat([headers, Buffer.from(code)]);
}
