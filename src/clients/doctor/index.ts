/**
 * The doctor: checks whether this machine can run pods, and gives a remedy for every problem.
 *
 * Terms: a *check* looks at one part of the machine and returns *findings*, each ok, hint (everything works,
 * but could be better), warn (berth works, but something will not) or fail (pods will not run). Checks change
 * nothing, need no daemon, and do not depend on each other.
 */
export type { CheckResult, DoctorRequest, Finding, Severity } from "./check.ts";
export { runDoctor, worstOf } from "./doctor.ts";
export { findLeaks } from "./leaks/find-leaks.ts";
