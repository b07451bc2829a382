import type { Logger } from "../ground/logging/index.ts";

const ending = ["SIGTERM", "SIGINT"] as const;
/**
 * Each would end a process without a handler. SIGUSR1, which would open Node's debugger, is disabled by
 * bin/berthd's options.
 */
const ignored = ["SIGHUP", "SIGUSR2"] as const;

/**
 * Resolves at the first termination signal; a second one ends the daemon at once. Signals that make other
 * daemons reload their configuration or reopen logs are logged and ignored.
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
