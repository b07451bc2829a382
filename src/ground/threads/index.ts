/**
 * Worker threads for work that would block the main thread, such as walks of trees or reads of a thousand
 * small files; and the size of libuv's pool. This room does not know what they do.
 *
 * Terms: a *job* is one message to a thread, with one reply; a thread does its jobs in order, synchronously.
 */

export { type JobError, JobThread, type JobThreadOptions } from "./job-thread.ts";
export { JobThreads } from "./job-threads.ts";
export { receivedError, type SentError, sentError } from "./sent-error.ts";
export { serveJobs } from "./serve-jobs.ts";
export { endThread, startThread, ThreadError, threadFile, threadIsLoaded } from "./start-thread.ts";
export { hostPathThreads, threadPoolSize } from "./thread-pool.ts";
