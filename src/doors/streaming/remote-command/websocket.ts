import type { Duplex, Readable } from "node:stream";
import type { WebSocket } from "ws";
import {
  channelId,
  REMOTE_COMMAND_CHANNELS,
  type WantedStreams,
  WebSocketChannels,
  type WebSocketRemoteCommand,
} from "../../../ground/remotecommand/index.ts";
import type { RemoteCommandStreams } from "./serve.ts";

/** Opens the channels of a remote command. All exist from the start. */
export function webSocketStreams(
  ws: WebSocket,
  protocol: WebSocketRemoteCommand,
  wanted: WantedStreams,
  onActivity: () => void,
): RemoteCommandStreams {
  const channels = new WebSocketChannels(ws, {
    codec: protocol.codec,
    channelCount: REMOTE_COMMAND_CHANNELS,
    closeSignal: protocol.version === 5 ? "received" : "none",
    onActivity,
  });
  const output = (id: number) => channels.open(id).resume();
  const stdin: Readable | undefined = wanted.stdin ? channels.open(channelId.stdin) : undefined;
  const stdout: Duplex | undefined = wanted.stdout ? output(channelId.stdout) : undefined;
  const stderr: Duplex | undefined = wanted.stderr ? output(channelId.stderr) : undefined;
  const error = output(channelId.error);
  const resize = wanted.tty ? channels.open(channelId.resize) : undefined;
  // Old clients take an empty message as the sign that the connection is established.
  channels.greet(wanted.stdout ? channelId.stdout : wanted.stderr ? channelId.stderr : channelId.error);
  return { connection: channels, version: protocol.version, stdin, stdout, stderr, error, resize };
}
