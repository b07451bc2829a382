import { type Check, type Finding, fail, ok, warn } from "../check.ts";
import { findProgram, versionOf } from "../programs.ts";

/** Are the programs that run containers installed? */
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

const oldestMinor = 31;

/**
 * Are the installed CRI clients new enough? Up to Kubernetes 1.30, they send the socket's path as the HTTP/2
 * :authority, which the HTTP/2 library in Node.js rejects as malformed (RFC 9113, section 8.3.1).
 */
export const clientsCheck: Check = {
  name: "clients",
  async run(_, signal) {
    return (await Promise.all(["kubelet", "crictl"].map((name) => lookAtClient(name, signal)))).flat();
  },
};

async function lookAtClient(name: string, signal: AbortSignal): Promise<Finding[]> {
  const path = await findProgram(name);
  if (path === undefined) return [];
  const text = await versionOf(path, signal).catch(() => "");
  const [, major, minor] = /(?<!\d)(\d{1,9})\.(\d{1,9})/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return [ok(name, `${path} does not report its version`)];
  if (Number(major) > 1 || Number(minor) >= oldestMinor) return [ok(name, `${major}.${minor}`)];
  const detail = `${path} is ${major}.${minor}: clients before 1.${oldestMinor} send a request that Node's HTTP/2 refuses ("PROTOCOL_ERROR")`;
  return [fail(name, detail, `use ${name} 1.${oldestMinor} or later`)];
}
