import type { Task } from "../../../services/runtime/index.ts";

/**
 * Pauses all tasks, runs `work`, and resumes all in any case, including one whose pause failed. So nothing in
 * a pod changes while its containers are dumped one after the other. One that somebody else has paused stays
 * paused.
 */
export async function whilePaused<T>(all: readonly Task[], work: () => Promise<T>): Promise<T> {
  const paused = await Promise.all(all.map((task) => task.isPaused()));
  const tasks = all.filter((_, index) => paused[index] === false);
  const pauses = await Promise.allSettled(tasks.map((task) => task.pause()));
  const failed = pauses.find(isFailure);
  const [done] = await Promise.allSettled([failed === undefined ? work() : Promise.reject(failed.reason)]);
  const resumes = await Promise.allSettled(tasks.map((task) => task.resume()));
  const failure = [done, ...resumes].find(isFailure);
  if (done.status === "rejected" || failure !== undefined) throw failure?.reason;
  return done.value;
}

function isFailure(end: PromiseSettledResult<unknown>): end is PromiseRejectedResult {
  return end.status === "rejected";
}
