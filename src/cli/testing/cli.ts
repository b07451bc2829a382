import { join } from "node:path";
import { createBerthService } from "../../api/berth/index.ts";
import { CriServer, statusOf } from "../../cri/index.ts";
import { MemoryEngine } from "../../cri/testing/memory-engine.ts";
import { createLogger } from "../../logging/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { Io } from "../invocation.ts";
import { runCli } from "../program.ts";
import { capturedIo } from "./captured-io.ts";

export type Outcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = { readonly env?: Io["env"]; readonly stdin?: string; readonly signal?: AbortSignal };

/** The command line in this process, without an endpoint unless the environment names one. */
export async function berth(
  argv: readonly string[],
  { env, stdin, signal }: RunOptions = {},
): Promise<Outcome> {
  const io = capturedIo(env, stdin);
  const status = await runCli(argv, io, signal ?? new AbortController().signal);
  return { status, stdout: io.stdout.text(), stderr: io.stderr.text() };
}

/**
 * berthd's doors on a socket of their own, over an engine in memory, and the command line against them. `plainCri` leaves
 * out berth.v1, as another runtime does.
 */
export async function serveCli({ plainCri = false } = {}) {
  const dir = await tempDir();
  const address = join(dir.path, "berth.sock");
  const engine = new MemoryEngine();
  const logger = createLogger({ level: "fatal", format: "json", destination: { write() {} } });
  const berthService = createBerthService({
    images: engine.images,
    spoolDir: join(dir.path, "spool"),
    toStatus: statusOf,
  });
  const server = new CriServer({ engine, logger, services: plainCri ? [] : [berthService] });
  await server.listen(address);
  return {
    dir: dir.path,
    address,
    engine,
    run: (argv: readonly string[], options: RunOptions = {}) =>
      berth(argv, { ...options, env: { BERTH_ADDRESS: address, ...options.env } }),
    [Symbol.asyncDispose]: async () => {
      await server.close(0);
      await dir[Symbol.asyncDispose]();
    },
  };
}
