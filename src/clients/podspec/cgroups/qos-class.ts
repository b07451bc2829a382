import type { PodSpec } from "../../manifests/index.ts";
import { type Amounts, containerLimits, containerRequests } from "./pod-requests.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

const counted = ["cpu", "memory"] as const;

/**
 * The quality of service of a pod when resources are short
 * (https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/), from the requests of its containers or of
 * the pod itself.
 */
export function qosClass(spec: PodSpec): QosClass {
  const asking = spec.resources === undefined ? [...(spec.initContainers ?? []), ...spec.containers] : [spec];
  const has = (amounts: Amounts, name: string) => (amounts[name] ?? 0) > 0;
  if (asking.every((one) => counted.every((name) => !has(containerRequests(one), name)))) return "BestEffort";
  const isGuaranteed = asking.every((one) => {
    const [limits, requests] = [containerLimits(one), containerRequests(one)];
    return counted.every((name) => has(limits, name) && limits[name] === requests[name]);
  });
  return isGuaranteed ? "Guaranteed" : "Burstable";
}
