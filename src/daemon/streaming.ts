import { readFile } from "node:fs/promises";
import type { StreamingServer, StreamingServerOptions, StreamingTls } from "../doors/streaming/index.ts";
import { type Containers, EngineError, type Sandboxes } from "../engines/engine/index.ts";
import { type Config, ConfigError } from "../ground/config/index.ts";
import type { AttachRequest, ExecRequest, PortForwardRequest } from "../ground/protocol/index.ts";

/** Options of the streaming server. Throws ConfigError for files that cannot be read. */
export async function streamingOptions(settings: Config["streaming"]): Promise<StreamingServerOptions> {
  const { address, port, idleTimeoutMs, creationTimeoutMs: streamCreationTimeoutMs } = settings;
  const tls = await readTls(settings.tls);
  return { address, port, idleTimeoutMs, streamCreationTimeoutMs, ...(tls !== undefined && { tls }) };
}

async function readTls({
  cert,
  key,
  clientCa,
  minVersion,
}: Config["streaming"]["tls"]): Promise<StreamingTls | undefined> {
  if (cert === "" && key === "" && clientCa === "") return undefined;
  if (cert === "" || key === "")
    throw new ConfigError("InvalidArgument", "streaming.tls: both cert and key must be set");
  return {
    cert: await readPem("streaming.tls.cert", cert),
    key: await readPem("streaming.tls.key", key),
    ...(clientCa !== "" && { clientCa: await readPem("streaming.tls.client_ca", clientCa) }),
    minVersion: `TLSv${minVersion}`,
  };
}

/** Throws ConfigError that names the key. */
export async function readPem(key: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new ConfigError("InvalidArgument", `${key}: ${path} cannot be read`, { cause });
  }
}

type StreamedEngine = { readonly containers: Containers; readonly sandboxes: Sandboxes };

/** Creates the streaming server's URLs, after checking that there is something to connect to. */
export class StreamingUrls {
  readonly #engine: StreamedEngine;
  readonly #server: StreamingServer;

  constructor(engine: StreamedEngine, server: StreamingServer) {
    this.#engine = engine;
    this.#server = server;
  }

  async exec({ containerId, cmd, tty, stdin, stdout, stderr }: ExecRequest): Promise<string> {
    const id = this.#running(containerId);
    this.#engine.containers.expectExec();
    return this.#server.url({ kind: "exec", containerId: id, args: cmd, tty, stdin, stdout, stderr }).href;
  }

  async attach({ containerId, tty, stdin, stdout, stderr }: AttachRequest): Promise<string> {
    const id = this.#running(containerId);
    return this.#server.url({ kind: "attach", containerId: id, tty, stdin, stdout, stderr }).href;
  }

  async portForward({ podSandboxId, port: ports }: PortForwardRequest): Promise<string> {
    const { id, state } = this.#engine.sandboxes.get(podSandboxId);
    if (state !== "ready") throw new EngineError("FailedPrecondition", `pod sandbox ${id} is not ready`);
    return this.#server.url({ kind: "portforward", sandboxId: id, ports }).href;
  }

  #running(idOrPrefix: string): string {
    const { id, state } = this.#engine.containers.get(idOrPrefix);
    if (state.kind === "running") return id;
    throw new EngineError("FailedPrecondition", `container ${id} is not running (${state.kind})`);
  }
}
