/**
 * The number of threads in libuv's pool that paths chosen by others may block, for as long as a dead file
 * system does not respond (`hostpaths/`).
 */
export const hostPathThreads = 32;

/**
 * For the daemon's own work. The slowest calls are syncfs(2) on a busy disk, one for each layer that is
 * committed, and queries to name servers that do not respond.
 */
const ownThreads = 16;

/**
 * The size of libuv's pool: UV_THREADPOOL_SIZE, which must be set before the first use. libuv's default of
 * four suffices only for programs that rarely wait. An idle thread costs some tens of KiB.
 */
export const threadPoolSize = hostPathThreads + ownThreads;
