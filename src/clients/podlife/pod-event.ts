/** An event of a pod, with Kubernetes' reasons and messages. */
export type PodEvent = {
  readonly type: "Normal" | "Warning";
  /** One word, such as `BackOff`. */
  readonly reason: string;
  readonly message: string;
  /** Nanoseconds since 1970. */
  readonly atNs: bigint;
};
