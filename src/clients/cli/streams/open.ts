import {
  AttachRequest,
  ExecRequest,
  PortForwardRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import {
  connectPortForward,
  connectRemoteCommand,
  type PortForwardClient,
  type RemoteCommand,
} from "../../streamclient/index.ts";
import { readClientTls, type StreamOptions } from "./options.ts";

export type Streams = { readonly stdin: boolean; readonly tty: boolean; readonly stdout?: boolean };

type Opening = { readonly client: Client; readonly options: StreamOptions; readonly signal: AbortSignal };

/**
 * Starts a command in a running container. Throws the endpoint's error (CliError Unimplemented if it has no
 * streaming), and StreamClientError.
 */
export async function openExec(
  {
    containerId,
    args,
    ...streams
  }: Streams & { readonly containerId: string; readonly args: readonly string[] },
  { client, options, signal }: Opening,
): Promise<RemoteCommand> {
  const wanted = wantedStreams(streams);
  const request = ExecRequest.fromPartial({ containerId, cmd: [...args], ...wanted });
  return connectRemoteCommand({
    ...wanted,
    ...(await connection(options)),
    signal,
    url: async () => new URL((await client.unary(RuntimeServiceService.exec, request)).url),
  });
}

/** Connects to a container's first process. Throws as {@link openExec}. */
export async function openAttach(
  { containerId, ...streams }: Streams & { readonly containerId: string },
  { client, options, signal }: Opening,
): Promise<RemoteCommand> {
  const wanted = wantedStreams(streams);
  const request = AttachRequest.fromPartial({ containerId, ...wanted });
  return connectRemoteCommand({
    ...wanted,
    ...(await connection(options)),
    signal,
    url: async () => new URL((await client.unary(RuntimeServiceService.attach, request)).url),
  });
}

/** Connects to a pod's ports. Throws as {@link openExec}. */
export async function openPortForward(
  { podSandboxId, ports }: { readonly podSandboxId: string; readonly ports: readonly number[] },
  { client, options, signal }: Opening,
): Promise<PortForwardClient> {
  const request = PortForwardRequest.fromPartial({ podSandboxId, port: [...ports] });
  return connectPortForward({
    tls: await readClientTls(options),
    signal,
    url: async () => new URL((await client.unary(RuntimeServiceService.portForward, request)).url),
  });
}

/** With a terminal there is no stderr, since it has only one output. */
function wantedStreams({ stdin, tty, stdout = true }: Streams) {
  return { stdin, tty, stdout, stderr: stdout && !tty };
}

async function connection(options: StreamOptions) {
  return { tls: await readClientTls(options), transport: options.transport ?? "auto" };
}
