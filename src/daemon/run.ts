import { join } from "node:path";
import { Command } from "commander";
import { type Config, type ConfigSource, loadConfig } from "../ground/config/index.ts";
import { createLogger, type Logger } from "../ground/logging/index.ts";
import { type Database, openDatabase } from "../ground/metadata/index.ts";
import { berthVersion } from "../ground/version/index.ts";
import { claimDirectories } from "./claimed-directories.ts";
import type { DaemonHooks } from "./daemon.ts";
import { endInTime, endProcess } from "./end-process.ts";
import { giveBackAfterStarts, giveBackAtRest } from "./memory-at-rest.ts";
import { ServiceManager } from "./service-manager.ts";
import { terminationSignal } from "./signals.ts";
import { startFailure } from "./start-failure.ts";
import { UnhandledErrors } from "./unhandled-errors.ts";

/** berthd's command line: reads the configuration and serves until it is terminated. Sets the exit code. */
export async function run(args: readonly string[], hooks: DaemonHooks = {}): Promise<void> {
  const program = new Command("berthd")
    .description(
      "A Kubernetes container runtime: serves the Container Runtime Interface. Shuts down on SIGTERM or SIGINT; containers keep running.",
    )
    .option("--config <file>", "configuration file (default: /etc/berth/config.toml, if it exists)")
    .option("--root <dir>", "directory for persistent data")
    .option("--state <dir>", "directory for run-time state, which must not survive a restart of the machine")
    .option("--address <socket>", "unix socket to serve on")
    .version(berthVersion, "-v, --version")
    .action(async ({ config: file, ...overrides }: { config?: string } & ConfigSource["overrides"]) => {
      await serve({ file, overrides }, hooks);
    });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.stderr.write(`berthd: ${startFailure(error)}\n`);
    process.exitCode = 1;
  }
  // Also after a failed start: anything that is still open would keep the process running and unresponsive to
  // signals.
  endProcess();
}

async function serve(source: ConfigSource, hooks: DaemonHooks): Promise<void> {
  const config = await loadConfig(source);
  const format =
    config.log.format === "auto" ? (process.stderr.isTTY ? "pretty" : "json") : config.log.format;
  const logger = createLogger({ level: config.log.level, format });
  const terminated = terminationSignal(logger);
  const unhandledErrors = new UnhandledErrors(logger);
  const startedAt = performance.now();
  await using _claimed = await claimDirectories(config);
  const opening = config.engine.name === "docker" ? undefined : openMetadata(config, logger);
  opening?.catch(() => undefined);
  // The database opens in a thread of its own while this one loads the rest of the daemon, which takes
  // longer.
  const { Daemon } = await import("./daemon.ts");
  await using daemon = await Daemon.start(config, logger, opening, unhandledErrors, hooks);
  await using manager = await ServiceManager.connect(process.env, logger);
  await manager.ready();
  giveBackAfterStarts(logger);
  giveBackAtRest(logger);
  logger.info(
    { address: config.address, version: berthVersion, ms: Math.round(performance.now() - startedAt) },
    "serving",
  );
  const reason = await Promise.race([terminated, daemon.failed]);
  if (reason instanceof Error) {
    logger.fatal(
      { err: reason },
      "the metadata database can no longer be written. Shutting down; containers keep running",
    );
    process.exitCode = 1;
  } else {
    logger.info({ signal: reason }, "shutting down; containers keep running");
  }
  endInTime(logger);
  await manager.stopping();
}

/** Opens the metadata in the root directory. */
function openMetadata({ root }: Config, logger: Logger): Promise<Database> {
  return openDatabase({ path: join(root, "metadata.db"), logger });
}
