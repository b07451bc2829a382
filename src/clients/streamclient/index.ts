/**
 * The client's side of streaming: exec, attach and port-forward against the streaming server of any CRI
 * runtime, given the URL that the runtime answered. It speaks WebSocket where the server's version of it can
 * do all that is needed, and SPDY/3.1 everywhere else.
 *
 * A URL can be used once, also by an attempt that fails; so a client takes a function that asks the runtime
 * for one, and calls it again for its second attempt. The room knows no gRPC, no terminal and no files: those
 * are the CLI's.
 */
export type { TerminalSize } from "../../ground/remotecommand/index.ts";
export type { RemoteCommandOptions, Transport } from "./client-streams.ts";
export { StreamClientError } from "./errors.ts";
export type { ClientTls } from "./http-upgrade.ts";
export { connectPortForward, type PortForwardClient, type PortForwardOptions } from "./port-forward.ts";
export { connectRemoteCommand, type RemoteCommand } from "./remote-command.ts";
