import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { PassThrough, type Readable } from "node:stream";
import {
  type ClientTls,
  connectPortForward,
  connectRemoteCommand,
  type RemoteCommand,
} from "../../src/clients/streamclient/index.ts";
import type { TestBerth } from "./berth.ts";

export type Transport = "spdy" | "websocket";
export const transports: readonly Transport[] = ["spdy", "websocket"];

export type StreamOptions = {
  readonly transport?: Transport;
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly signal?: AbortSignal;
  readonly tls?: ClientTls;
};

/** Starts a command in a container, with stdout and, without a terminal, stderr. */
export function exec(
  { clients }: TestBerth,
  containerId: string,
  cmd: readonly string[],
  options: StreamOptions = {},
): Promise<RemoteCommand> {
  const streams = wanted(options);
  return connectRemoteCommand({
    ...options,
    ...streams,
    url: async () => new URL((await clients.runtime.exec({ containerId, cmd: [...cmd], ...streams })).url),
  });
}

/** Attaches to a container. */
export function attach(
  { clients }: TestBerth,
  containerId: string,
  options: StreamOptions = {},
): Promise<RemoteCommand> {
  const streams = wanted(options);
  return connectRemoteCommand({
    ...options,
    ...streams,
    url: async () => new URL((await clients.runtime.attach({ containerId, ...streams })).url),
  });
}

function wanted({ tty = false, stdin = false }: StreamOptions) {
  return { tty, stdin, stdout: true, stderr: !tty };
}

/** The output of a stream so far. */
export class Received {
  text = "";

  constructor(stream: Readable | undefined) {
    stream?.on("data", (chunk: Buffer) => {
      this.text += String(chunk);
    });
  }
}

/** Runs a command to its end. */
export async function outputOf(
  berth: TestBerth,
  containerId: string,
  cmd: readonly string[],
  options: StreamOptions & { readonly input?: string } = {},
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const { input, ...rest } = options;
  await using command = await exec(berth, containerId, cmd, { ...rest, stdin: input !== undefined });
  const [stdout, stderr] = [new Received(command.stdout), new Received(command.stderr)];
  command.stdin?.end(input);
  const exitCode = await command.exitCode;
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

/** A local port that is forwarded to one of a pod's, like kubectl and crictl do. */
export async function forwardPort(
  { clients }: TestBerth,
  podSandboxId: string,
  port: number,
): Promise<AsyncDisposable & { connect(): Promise<Socket>; readonly failures: readonly string[] }> {
  const client = await connectPortForward({
    url: async () => new URL((await clients.runtime.portForward({ podSandboxId, port: [port] })).url),
  });
  const failures: string[] = [];
  const server: Server = createServer({ allowHalfOpen: true }, (local) => {
    local.on("error", () => undefined);
    client.forward(local, port).catch((error: Error) => {
      failures.push(error.message);
      local.destroy();
    });
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1024 });
  await once(server, "listening");
  const address = server.address();
  const localPort = typeof address === "object" && address !== null ? address.port : 0;
  return {
    failures,
    connect: async () => {
      const socket = connect({ host: "127.0.0.1", port: localPort, allowHalfOpen: true });
      await once(socket, "connect");
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      await client[Symbol.asyncDispose]();
    },
  };
}

/** That many pseudo-random bytes, always the same, without storing them. */
export function manyBytes(total: number): Readable {
  const block = Buffer.alloc(1 << 20);
  for (let index = 0, state = 1; index < block.length; index += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    block.writeUInt32LE(state, index);
  }
  const stream = new PassThrough();
  const fill = async () => {
    for (let left = total; left > 0; left -= block.length) {
      // A number at the start makes each block different.
      const piece = Buffer.from(block.subarray(0, Math.min(left, block.length)));
      piece.writeUInt32LE(left >>> 0, 0);
      if (!stream.write(piece)) await once(stream, "drain");
    }
    stream.end();
  };
  fill().catch((error: Error) => stream.destroy(error));
  return stream;
}
