/**
 * Worker threads for work that would hold the main thread up: walks of trees, reads of a thousand small
 * files; and how many threads libuv has. This room knows nothing of what they do.
 *
 * Terms: a *job* is one message to a thread, and is answered by one; a thread does its jobs in order,
 * synchronously.
 */
export { endThread } from "./end-thread.ts";
export { type JobError, JobThread, type JobThreadOptions } from "./job-thread.ts";
export { JobThreads } from "./job-threads.ts";
export { receivedError, type SentError, sentError } from "./sent-error.ts";
export { serveJobs } from "./serve-jobs.ts";
export { startThread } from "./start-thread.ts";
export { ThreadError } from "./thread-error.ts";
export { threadFile } from "./thread-file.ts";
export { hostPathThreads, threadPoolSize } from "./thread-pool.ts";
