import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An OCI runtime behind a script that writes down with which commands it is called. */
export async function listeningProgram(program: string) {
  const directory = await mkdtemp(join(tmpdir(), "berth-calls-"));
  const [path, calls] = [join(directory, "runtime"), join(directory, "calls")];
  await writeFile(path, `#!/bin/sh\necho "$@" >> ${calls}\nexec ${program} "$@"\n`, { mode: 0o755 });
  const known = ["create", "start", "state", "kill", "delete"];
  return {
    path,
    commands: async () =>
      (await readFile(calls, "utf8"))
        .trimEnd()
        .split("\n")
        .map((line) => line.split(" ").find((word) => known.includes(word))),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}
