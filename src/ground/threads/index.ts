/**
 * Worker threads for work that would hold the main thread up: walks of trees, reads of a thousand small
 * files; and how many threads libuv has. This room knows nothing of what they do.
 *
 * Terms: a *job* is one message to a thread, and is answered by one; a thread does its jobs in order,
 * synchronously.
 */

export { type JobError, JobThread, type JobThreadOptions } from "./job-thread.ts";
export { JobThreads } from "./job-threads.ts";
export { receivedError, type SentError, sentError } from "./sent-error.ts";
export { serveJobs } from "./serve-jobs.ts";
export { endThread, startThread, ThreadError, threadFile, threadIsLoaded } from "./start-thread.ts";
export { hostPathThreads, threadPoolSize } from "./thread-pool.ts";
