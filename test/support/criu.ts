import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Where scripts/newer-criu.sh puts one for kernels with which the system's does not get along. */
const newer = new URL("../../node_modules/.cache/criu/criu", import.meta.url).pathname;

/** A criu that works on this machine's kernel: the system's, or the one that the setup has put beside it. */
export async function workingCriu(): Promise<string> {
  const works = await run("/usr/sbin/criu", ["check"]).then(
    () => true,
    () => false,
  );
  return works ? "/usr/sbin/criu" : newer;
}

/** Configuration of a daemon whose pods can be checkpointed: Debian's crun is built without criu. */
export async function checkpointConfig(): Promise<string> {
  return `[runtime]\ncriu = ${JSON.stringify(await workingCriu())}\ndefault_handler = "runc"\n`;
}
