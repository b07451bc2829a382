/**
 * The doctor: looks whether this machine can run pods, and says for everything that is amiss what to do about
 * it.
 *
 * Terms: a *check* looks at one part of the machine and returns *findings*, each ok, hint (all works, and
 * could be better), warn (berth works, but something will not) or fail (pods will not run). Checks only look:
 * they change nothing, need no daemon, and none depends on another.
 */
export type { CheckResult, DoctorRequest, Finding, Severity } from "./check.ts";
export { runDoctor, worstOf } from "./doctor.ts";
export { findLeaks } from "./leaks/find-leaks.ts";
