import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { findProgram, versionOf } from "../programs.ts";

/** Are the programs there that hold containers? */
export const programsCheck: Check = {
  name: "programs",
  async run({ config: { runtime, sandbox } }, signal) {
    const conmon = await look("conmon", runtime.conmon || "conmon", signal, fail);
    return [conmon, await look("catatonit", sandbox.pauseProgram, signal, warnAboutPause)];
  },
};

async function look(
  name: string,
  program: string,
  signal: AbortSignal,
  missing: (title: string, detail: string, remedy: string) => Finding,
): Promise<Finding> {
  const path = await findProgram(program);
  if (path === undefined) {
    return missing(
      name,
      `${program} not found`,
      `install it: \`apt-get install ${name}\` or \`dnf install ${name}\``,
    );
  }
  return ok(name, `${path} (${await versionOf(path, signal).catch(() => "does not report its version")})`);
}

function warnAboutPause(title: string, detail: string, remedy: string): Finding {
  return warn(title, `${detail}: pods that share one PID namespace cannot run`, remedy);
}
