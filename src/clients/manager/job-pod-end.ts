/** The consequences of a failed pod for its job. */
export type PodFailure = {
  /** Whether it counts towards the limit. */
  readonly counts: boolean;
  readonly failsJob: boolean;
  /** For an indexed job: whether its index is not retried. */
  readonly failsIndex: boolean;
  readonly message: string;
};

/** How a pod of a job has ended. */
export type JobPodEnd = {
  readonly uid: string;
  /** Its index in an indexed job. */
  readonly index?: number;
  /** Set if it did not succeed. */
  readonly failure?: PodFailure;
};
