import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { kernelRelease } from "../../../ground/linux/index.ts";
import { runtimeEnvironment } from "../oci-runtime/oci-runtime.ts";
import { type Answer, ask } from "./ask.ts";
import { FactsCache } from "./facts-cache.ts";
import { findProgram } from "./find-program.ts";
import type { Usability } from "./handler.ts";

/** CRIU, with which OCI runtimes checkpoint and restore processes. */
export type Criu = {
  /** Absolute; as configured if there is no such program. */
  readonly path: string;
  /** As the program reports it, such as "4.1.1"; "" if unknown. */
  readonly version: string;
  /** Whether it works with this kernel, according to its own `check`. */
  readonly usability: Usability;
};

export type DetectCriuOptions = {
  /** Absolute path, or a name to look up in the usual directories. */
  readonly program: string;
  /** Results are cached here. */
  readonly stateDir: string;
};

/** The daemon's start waits for it. */
const answerMs = 5_000;

/** Supports joining a pod's namespaces (`join-ns`, external network namespaces) since this version. */
const oldest = [3, 16] as const;

/** Finds CRIU and checks whether it works here; the result is cached for this program and kernel. */
export async function detectCriu({ program, stateDir }: DetectCriuOptions): Promise<Criu> {
  const path = await findProgram(program);
  if (path === undefined) {
    const remedy = "install criu or correct its path in the configuration (runtime.criu)";
    return {
      path: program,
      version: "",
      usability: { kind: "unusable", reason: `program ${program} not found`, remedy },
    };
  }
  const cache = await FactsCache.open<Omit<Criu, "path">>(join(stateDir, "criu.json"));
  const { mtimeMs, size } = await stat(path);
  const key = `${path} ${mtimeMs} ${size} ${kernelRelease().text}`;
  const known = cache.get(key);
  if (known !== undefined) return { path, ...known };
  const { isCertain, ...facts } = await askCriu(path);
  if (isCertain) cache.set(key, facts);
  await cache.save();
  return { path, ...facts };
}

/**
 * One that does not respond in time, on a busy machine, counts as usable for now: a checkpoint would report
 * the problem.
 */
async function askCriu(path: string): Promise<Omit<Criu, "path"> & { readonly isCertain: boolean }> {
  const [versionAnswer, complaint] = await Promise.all([
    ask(path, "--version", answerMs),
    ask(path, "check", answerMs),
  ]);
  const version = /^Version: (\S+)/m.exec(outputOf(versionAnswer))?.[1] ?? "";
  if ([versionAnswer, complaint].some(({ failure }) => failure?.kind === "late"))
    return { version, usability: { kind: "usable" }, isCertain: false };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const unusable = (reason: string, remedy: string) =>
    ({ version, usability: { kind: "unusable", reason, remedy }, isCertain: true }) as const;
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1]))
    return unusable(
      `version ${version || "unknown"} is too old`,
      `install criu ${oldest.join(".")} or newer`,
    );
  if (complaint.failure !== undefined) {
    const reason = `\`criu check\` of version ${version} fails on kernel ${kernelRelease().text}: ${firstError(outputOf(complaint))}`;
    return unusable(reason, "install a newer criu; kernels since 6.13 need criu 4.1");
  }
  return { version, usability: { kind: "usable" }, isCertain: true };
}

function outputOf({ stdout, stderr }: Answer): string {
  return stdout + stderr;
}

function firstError(output: string): string {
  const line = output.split("\n").find((one) => /error/i.test(one)) ?? output.split("\n")[0] ?? "";
  return line.trim() === "" ? "it says nothing" : line.trim();
}

/** OCI runtimes look up criu by name, so our criu's directory comes first in PATH. */
export function criuEnvironment(criuPath: string): Readonly<Record<string, string>> {
  return { ...runtimeEnvironment, PATH: `${dirname(criuPath)}:${runtimeEnvironment.PATH}` };
}
