import type { Logger } from "../ground/logging/index.ts";

const ending = ["SIGTERM", "SIGINT"] as const;
/**
 * Each would end a process that does not listen to it. SIGUSR1, which would open Node's debugger, is held
 * back by bin/berthd's options.
 */
const ignored = ["SIGHUP", "SIGUSR2"] as const;

/**
 * Resolves when the daemon is told to end; told once more, it ends at once. Signals that daemons are sent to
 * read their configuration or their logs anew are logged and do nothing.
 */
export function terminationSignal(logger: Logger): Promise<NodeJS.Signals> {
  for (const signal of ignored) {
    process.on(signal, () =>
      logger.warn(
        { signal },
        "ignored: berthd reads its configuration only at the start; restart it to apply changes (containers keep running)",
      ),
    );
  }
  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals) => {
      for (const each of ending) process.off(each, end);
      resolve(signal);
    };
    for (const signal of ending) process.on(signal, end);
  });
}
