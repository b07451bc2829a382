/**
 * The exit code for a command that the OCI runtime could not run, by its message: 127 when there is no such program,
 * 126 when it cannot be executed, as shells have it; undefined when the failure is another. The runtimes have no codes
 * of their own for it: crun and runc exit with 255 (1 in older versions) for everything.
 */
export function commandFailure(message: string): 126 | 127 | undefined {
  if (
    /executable file.*not found|stat .*: no such file or directory|exec.*: no such file or directory/i.test(
      message,
    )
  )
    return 127;
  if (
    /open executable|exec.*: (permission denied|exec format error|is a directory)|the path .* exists but it is not executable/i.test(
      message,
    )
  )
    return 126;
  return undefined;
}
