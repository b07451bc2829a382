/** What a pod that has failed means for its job. */
export type PodFailure = {
  /** Towards the limit. */
  readonly counts: boolean;
  readonly failsJob: boolean;
  /** Of an indexed job: its part is not tried again. */
  readonly failsIndex: boolean;
  readonly message: string;
};

/** How a pod of a job has ended. */
export type JobPodEnd = {
  readonly uid: string;
  /** Which part of an indexed job it was. */
  readonly index?: number;
  /** Of one that has not succeeded. */
  readonly failure?: PodFailure;
};
