import type { Clock } from "../../ground/clock/index.ts";
import type { Pod, PodContext } from "../podspec/index.ts";
import type { PodEvent } from "./pod-event.ts";
import type { PodRuntime } from "./pod-runtime.ts";

/**
 * Called with the name of each step of a pod's life before it is done, such as `pod-container NAME`. Tests
 * end the process there.
 */
export type StepObserver = (step: string) => void;

/** The dependencies of all parts of a pod's worker. */
export type PodWork = {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly context: PodContext;
  readonly clock: Clock;
  readonly observer: StepObserver;
  readonly onEvent: (type: PodEvent["type"], reason: string, message: string) => void;
};

/** The pod's own grace period. */
export function graceSecondsOf({ spec }: Pod): number {
  return spec.terminationGracePeriodSeconds ?? 30;
}
