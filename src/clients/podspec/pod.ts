import type { PodSpec } from "../manifests/index.ts";

/** A pod to run. Its uid distinguishes it from others of the same name. */
export type Pod = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: PodSpec;
  /** When it was admitted, in nanoseconds since 1970. */
  readonly startTimeNs: bigint;
};

/** `default/web`. */
export function podTitle({ metadata: { namespace, name } }: Pod): string {
  return `${namespace}/${name}`;
}
