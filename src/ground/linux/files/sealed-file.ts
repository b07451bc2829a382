import { closeSync, constants, openSync, writeSync } from "node:fs";
import { check, libcFunction } from "../libc.ts";

const memfdCreate = libcFunction("int memfd_create(const char *name, unsigned int flags)");
const fcntlCall = libcFunction("int fcntl(int fd, int command, int argument)");

const MFD_CLOEXEC = 0x01;
const MFD_ALLOW_SEALING = 0x02;
/** Since Linux 6.3, which may reject files without it. */
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
/** Against sealing, shrinking, growing and writing. */
const allSeals = 0x01 | 0x02 | 0x04 | 0x08;

/**
 * A program in a file in memory that nobody can change any more (memfd_create(2)), open for reading. It can
 * be executed at `/proc/PID/fd/FD`. The caller closes it. Throws {@link LinuxError}: EACCES if the machine
 * forbids such programs (sysctl vm.memfd_noexec).
 */
export function sealedProgram(name: string, content: Uint8Array): number {
  const fd = create(name);
  try {
    for (let written = 0; written < content.length; ) written += writeSync(fd, content, written);
    check("fcntl", fcntlCall(fd, F_ADD_SEALS, allSeals), name);
    // A file that is open for writing cannot be executed, whether sealed or not.
    return openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY);
  } finally {
    closeSync(fd);
  }
}

function create(name: string): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = memfdCreate(name, flags | MFD_EXEC);
  return fd === -1 ? check("memfd_create", memfdCreate(name, flags), name) : fd;
}
