import type { Clock } from "../../ground/clock/index.ts";
import type { Pod, PodContext } from "../podspec/index.ts";
import type { PodEvent } from "./pod-event.ts";
import type { PodRuntime } from "./pod-runtime.ts";

/**
 * Called with the name of each step of a pod's life before it is made, such as `pod-container NAME`. A test
 * cuts there, by ending the process.
 */
export type StepObserver = (step: string) => void;

/** What all parts of a pod's worker work with. */
export type PodWork = {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly context: PodContext;
  readonly clock: Clock;
  readonly observer: StepObserver;
  readonly onEvent: (type: PodEvent["type"], reason: string, message: string) => void;
};

/** What the pod has for its end, unless somebody says otherwise. */
export function graceSecondsOf({ spec }: Pod): number {
  return spec.terminationGracePeriodSeconds ?? 30;
}
