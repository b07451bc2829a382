import { messageOf } from "../../ground/errors/index.ts";
import type { Check, CheckResult, DoctorRequest, Finding, Severity } from "./check.ts";
import { capabilitiesCheck } from "./checks/capabilities.ts";
import { cgroupsCheck } from "./checks/cgroups.ts";
import { checkpointsCheck } from "./checks/checkpoints.ts";
import { cniCheck } from "./checks/cni.ts";
import { disksCheck } from "./checks/disks.ts";
import { dockerCheck } from "./checks/docker.ts";
import { forwardingCheck, iptablesCheck } from "./checks/forwarding.ts";
import { hooksCheck } from "./checks/hooks.ts";
import { filesystemsCheck, kernelCheck, seccompCheck } from "./checks/kernel.ts";
import { limitsCheck } from "./checks/limits.ts";
import { namespacesCheck } from "./checks/namespaces.ts";
import { clientsCheck, programsCheck } from "./checks/programs.ts";
import { registriesCheck, registryHostsCheck } from "./checks/registries.ts";
import { runtimesCheck } from "./checks/runtimes.ts";
import { trustCheck } from "./checks/trust.ts";

/** In the order of the report: from the kernel up. */
const checks: readonly Check[] = [
  kernelCheck,
  filesystemsCheck,
  namespacesCheck,
  seccompCheck,
  cgroupsCheck,
  capabilitiesCheck,
  limitsCheck,
  disksCheck,
  programsCheck,
  runtimesCheck,
  checkpointsCheck,
  hooksCheck,
  cniCheck,
  forwardingCheck,
  iptablesCheck,
  clientsCheck,
  registryHostsCheck,
  trustCheck,
  dockerCheck,
  registriesCheck,
];

/** Checks of what only berth's native engine uses; they are skipped with a Docker Engine. */
const nativeOnly = new Set([
  filesystemsCheck,
  programsCheck,
  runtimesCheck,
  checkpointsCheck,
  hooksCheck,
  registryHostsCheck,
  trustCheck,
]);

const worstFirst: readonly Severity[] = ["fail", "warn", "hint", "ok"];

/**
 * Runs every check that the engine needs; a check that throws becomes a finding. Throws only the signal's
 * reason.
 */
export async function runDoctor(
  request: DoctorRequest,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const isNative = request.config.engine.name === "native";
  const needed = checks.filter((check) => isNative || !nativeOnly.has(check));
  const results = await Promise.all(needed.map((check) => runCheck(check, request, signal)));
  signal.throwIfAborted();
  return results;
}

/** The worst severity of all findings. */
export function worstOf(results: readonly CheckResult[]): Severity {
  const found = new Set(results.flatMap(({ findings }) => findings.map(({ severity }) => severity)));
  return worstFirst.find((severity) => found.has(severity)) ?? "ok";
}

async function runCheck(
  { name, run }: Check,
  request: DoctorRequest,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    return { check: name, findings: await run(request, signal) };
  } catch (error) {
    return { check: name, findings: [broken(name, error)] };
  }
}

function broken(name: string, error: unknown): Finding {
  const remedy = "run it again as root; if the error stays, report it as a bug in berth";
  return {
    severity: "warn",
    title: name,
    detail: `this check failed to run: ${messageOf(error)}`,
    remedy,
  };
}
