import { type Duplex, Transform, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { WebSocket } from "ws";
import {
  channelId,
  REMOTE_COMMAND_CHANNELS,
  WebSocketChannels,
  webSocketRemoteCommandProtocols,
} from "../../ground/remotecommand/index.ts";
import type { ClientStreams, RemoteCommandOptions } from "./client-streams.ts";
import { unreachable } from "./errors.ts";
import { refusal, tlsOptions } from "./http-upgrade.ts";

/** Largest message from a server, in bytes. */
const MAX_MESSAGE_BYTES = 33_554_432;

/** Largest message that we send, in bytes. */
const MAX_SENT_BYTES = 65_536;

/**
 * Connects over WebSocket. With stdin only version 5 will do: the others have no way to say that stdin has
 * ended. Throws StreamClientError FailedPrecondition when the server refuses, Unavailable when it cannot be
 * reached.
 */
export async function connectOverWebSocket(options: RemoteCommandOptions): Promise<ClientStreams> {
  const { stdin, stdout, stderr, tty, signal } = options;
  const protocols = stdin ? ["v5.channel.k8s.io"] : ["v5.channel.k8s.io", "v4.channel.k8s.io"];
  const url = await options.url();
  signal?.throwIfAborted();
  const ws = new WebSocket(url.href.replace(/^http/, "ws"), protocols, {
    perMessageDeflate: false,
    autoPong: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: 30_000,
    ...tlsOptions(options.tls),
  });
  // Before the handshake is done, as the first message may come right behind it.
  const connection = new WebSocketChannels(ws, {
    codec: "binary",
    channelCount: REMOTE_COMMAND_CHANNELS,
    closeSignal: "sent",
  });
  const streams = {
    connection,
    error: connection.open(channelId.error),
    stdin: stdin ? inPieces(connection.open(channelId.stdin).resume()) : undefined,
    stdout: stdout ? connection.open(channelId.stdout) : undefined,
    stderr: stderr ? connection.open(channelId.stderr) : undefined,
    resize: tty ? connection.open(channelId.resize).resume() : undefined,
  };
  await opened(ws, url, signal);
  return { ...streams, version: webSocketRemoteCommandProtocols.get(ws.protocol)?.version ?? 1 };
}

/** A write becomes a message, of which servers take only so much. */
function inPieces(channel: Duplex): Writable {
  const splitter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += MAX_SENT_BYTES)
        this.push(chunk.subarray(at, at + MAX_SENT_BYTES));
      done();
    },
  });
  // Whoever writes sees the end of the connection by the splitter's.
  pipeline(splitter, channel).catch(() => {});
  return splitter;
}

async function opened(ws: WebSocket, url: URL, signal: AbortSignal | undefined): Promise<void> {
  const abort = () => ws.terminate();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      ws.once("open", resolve);
      ws.once("unexpected-response", (_request, response) => {
        void refusal(response).then((error) => {
          ws.terminate();
          reject(error);
        });
      });
      ws.once("error", (cause) => reject(unreachable(url, cause)));
    });
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
