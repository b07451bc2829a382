import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { BerthOptions } from "./berth.ts";

const run = promisify(execFile);

/** Where scripts/newer-criu.sh puts a criu for kernels that the system's does not support. */
const directory = new URL("../../node_modules/.cache/criu/", import.meta.url).pathname;
const newer = { criu: `${directory}criu`, crun: `${directory}crun` } as const;

/** A criu that works on this machine's kernel: the system's, or the one from the setup. */
export async function workingCriu(): Promise<string> {
  const works = await run("/usr/sbin/criu", ["check"]).then(
    () => true,
    () => false,
  );
  return works ? "/usr/sbin/criu" : newer.criu;
}

/** A daemon whose pods can be checkpointed with the tests' OCI runtime; Debian 12's crun cannot do that. */
export async function checkpointing(): Promise<Pick<BerthOptions, "config">> {
  const criu = await workingCriu();
  const crun = criu === newer.criu ? newer.crun : "/usr/bin/crun";
  return {
    config: `criu = ${JSON.stringify(criu)}\n[runtime.handlers.crun]\npath = ${JSON.stringify(crun)}\n`,
  };
}
