import { type Client, containerStatus } from "../../criclient/index.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { LogPrinter, type LogPrinterOptions } from "../logs/log-printer.ts";
import { type ReadLogOptions, readLog } from "../logs/read-log.ts";

/** Copies a container's log to our own streams. Throws CliError FailedPrecondition if it has no log. */
export async function copyLog(
  client: Client,
  containerId: string,
  reading: ReadLogOptions,
  printing: LogPrinterOptions,
  { io }: Invocation,
): Promise<void> {
  const { logPath } = await containerStatus(client, containerId);
  if (logPath === "") throw new CliError("FailedPrecondition", `container ${containerId} has no log`);
  const printer = new LogPrinter(io, printing);
  for await (const lines of readLog(logPath, reading)) {
    await printer.print(lines);
    // Nobody reads our output any more.
    if (io.stdout.destroyed) break;
  }
}
