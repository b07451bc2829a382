import {
  type RemoteCommandVersion,
  SpdySession,
  type SpdyStream,
  spdyRemoteCommandProtocols,
  streamHeader,
} from "../../ground/remotecommand/index.ts";
import type { ClientStreams, RemoteCommandOptions } from "./client-streams.ts";
import { upgradeToSpdy } from "./http-upgrade.ts";

/**
 * Connects over SPDY/3.1 and opens the streams. Throws StreamClientError: FailedPrecondition, Unavailable.
 */
export async function connectOverSpdy(options: RemoteCommandOptions): Promise<ClientStreams> {
  const { tls, signal } = options;
  const url = await options.url();
  const protocols = [...spdyRemoteCommandProtocols.keys()];
  const { socket, protocol } = await upgradeToSpdy(url, protocols, { tls, signal });
  const session = new SpdySession(socket, { role: "client" });
  const version: RemoteCommandVersion = spdyRemoteCommandProtocols.get(protocol) ?? 1;
  try {
    return await openStreams(session, version, options);
  } catch (error) {
    session.destroy();
    throw error;
  }
}

async function openStreams(
  session: SpdySession,
  version: RemoteCommandVersion,
  { stdin, stdout, stderr, tty, signal }: RemoteCommandOptions,
): Promise<ClientStreams> {
  const open = (type: string) => session.openStream(new Map([[streamHeader.type, type]]), signal);
  // All at once: the ids, and so the order on the wire, are given out by the calls.
  const [error, ...rest] = await Promise.all([
    open("error"),
    stdin ? open("stdin") : undefined,
    stdout ? open("stdout") : undefined,
    stderr ? open("stderr") : undefined,
    tty && version >= 3 ? open("resize") : undefined,
  ]);
  const [input, output, errors, resize] = rest;
  return {
    connection: session,
    version,
    error: readOnly(error),
    // Their other directions carry nothing, but their ends have to be seen.
    stdin: input?.resume(),
    stdout: output && readOnly(output),
    stderr: errors && readOnly(errors),
    resize: resize?.resume(),
  };
}

/**
 * Ends our side now rather than when the other one has ended: runtimes close the connection as soon as they
 * have sent the outcome, and what reaches them after that makes the kernel reset the connection, and with it
 * goes what we have not read yet.
 */
function readOnly(stream: SpdyStream): SpdyStream {
  return stream.end();
}
