import { join } from "node:path";
import { managerService, openBerthService } from "../../../doors/berth/index.ts";
import { MemoryFiles } from "../../../doors/berth/testing/memory-files.ts";
import { criServices } from "../../../doors/cri/index.ts";
import { MemoryEngine } from "../../../doors/cri/testing/memory-engine.ts";
import { type StreamingEngine, StreamingServer } from "../../../doors/streaming/index.ts";
import { GrpcServer } from "../../../ground/grpc/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import type { Io } from "../invocation.ts";
import { runCli } from "../program.ts";
import { capturedIo } from "./captured-io.ts";
import { MemoryObjects } from "./memory-objects.ts";
import { streamingOf } from "./streaming.ts";

export type Outcome = { readonly status: number; readonly stdout: string; readonly stderr: string };

export type RunOptions = { readonly env?: Io["env"]; readonly stdin?: string; readonly signal?: AbortSignal };

/** Runs the command line in this process, without an endpoint unless the environment names one. */
export async function berth(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { io, status } = startBerth(argv, options);
  return { status: await status, stdout: io.stdout.text(), stderr: io.stderr.text() };
}

/** As {@link berth}, but its output can be read while it runs. */
function startBerth(argv: readonly string[], { env, stdin, signal }: RunOptions = {}) {
  const io = capturedIo(env, stdin);
  return { io, status: runCli(argv, io, signal ?? new AbortController().signal) };
}

export type ServeOptions = { readonly plainCri?: boolean; readonly streams?: StreamingEngine };

/**
 * Serves berthd's doors on a private socket, with an engine in memory, and runs the command line against
 * them. `plainCri` leaves out berth.v1, like another runtime; `streams` serves Exec, Attach and PortForward,
 * which are missing otherwise.
 */
export async function serveCli({ plainCri = false, streams }: ServeOptions = {}) {
  const dir = await tempDir();
  const address = join(dir.path, "berth.sock");
  const engine = new MemoryEngine();
  const logger = createLogger({ level: "fatal", format: "json", destination: { write() {} } });
  const files = new MemoryFiles();
  const objects = new MemoryObjects();
  const berthService = await openBerthService({
    engine,
    files: files.files,
    mounts: files.mounts,
    spoolDir: join(dir.path, "spool"),
  });
  let streamingServer = streams && (await StreamingServer.start(streams));
  const cri = criServices({
    engine,
    metrics: ["cpu", "memory", "network"],
    streaming: streamingServer && streamingOf(() => streamingServer, engine),
  });
  const ownServices = [berthService, managerService(async () => objects)];
  const server = new GrpcServer({ services: [...cri, ...(plainCri ? [] : ownServices)], logger });
  await server.listen(address);
  const withAddress = (options: RunOptions): RunOptions => ({
    ...options,
    env: { BERTH_ADDRESS: address, ...options.env },
  });
  return {
    dir: dir.path,
    address,
    engine,
    files,
    objects,
    run: (argv: readonly string[], options: RunOptions = {}) => berth(argv, withAddress(options)),
    start: (argv: readonly string[], options: RunOptions = {}) => startBerth(argv, withAddress(options)),
    /** Disconnects all streams, as a restart of the runtime does. */
    restartStreams: async () => {
      await streamingServer?.[Symbol.asyncDispose]();
      streamingServer = streams && (await StreamingServer.start(streams));
    },
    [Symbol.asyncDispose]: async () => {
      await streamingServer?.[Symbol.asyncDispose]();
      await server.close(0);
      await dir[Symbol.asyncDispose]();
    },
  };
}

export type Endpoint = Awaited<ReturnType<typeof serveCli>>;
