import type { PodSpec } from "../manifests/index.ts";

/** A pod that is to run. Its uid tells it from another of the same name. */
export type Pod = {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: PodSpec;
  /** When it was taken on, in nanoseconds since 1970. */
  readonly startTimeNs: bigint;
};

/** `default/web`. */
export function podTitle({ metadata: { namespace, name } }: Pod): string {
  return `${namespace}/${name}`;
}
