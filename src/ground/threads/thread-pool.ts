/**
 * Of the threads of libuv's pool, those that may wait for paths of others, for as long as a dead file system
 * wants (`hostpaths/`).
 */
export const hostPathThreads = 32;

/**
 * For what the daemon does itself: slowest are syncfs(2) of a disk under load, one for each layer that is
 * committed, and name servers that do not answer.
 */
const ownThreads = 16;

/**
 * How many threads libuv's pool is to have: UV_THREADPOOL_SIZE, to be set before the first use. libuv's own
 * four are for a program that waits for little. One that idles costs some tens of KiB.
 */
export const threadPoolSize = hostPathThreads + ownThreads;
