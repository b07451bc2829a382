import type { Task } from "../../../services/runtime/index.ts";

/**
 * Pauses all tasks, runs `work`, and lets all go on, whatever happens: also one whose pausing failed. Nothing
 * of a pod then changes while its containers are written down one after the other.
 */
export async function whilePaused(tasks: readonly Task[], work: () => Promise<void>): Promise<void> {
  const pauses = await Promise.allSettled(tasks.map((task) => task.pause()));
  const [done] = await Promise.allSettled([pauses.some(isFailure) ? undefined : work()]);
  const resumes = await Promise.allSettled(tasks.map((task) => task.resume()));
  const failure = [...pauses, done, ...resumes].find(isFailure);
  if (failure !== undefined) throw failure.reason;
}

function isFailure(end: PromiseSettledResult<void>): end is PromiseRejectedResult {
  return end.status === "rejected";
}
