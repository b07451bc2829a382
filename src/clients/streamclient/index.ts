/**
 * The client's side of streaming: exec, attach and port-forward against the streaming server of any CRI
 * runtime, given the URL that the runtime returned. It uses WebSocket if the server's protocol version
 * supports everything that is needed, otherwise SPDY/3.1.
 *
 * A URL can be used only once, even if the attempt fails; so a client takes a function that gets one from the
 * runtime, and calls it again for a second attempt. This room knows no gRPC, terminals or files: those are up
 * to the CLI.
 */
export type { TerminalSize } from "../../ground/remotecommand/index.ts";
export type { RemoteCommandOptions, Transport } from "./client-streams.ts";
export { StreamClientError } from "./errors.ts";
export type { ClientTls } from "./http-upgrade.ts";
export { connectPortForward, type PortForwardClient, type PortForwardOptions } from "./port-forward.ts";
export { connectRemoteCommand, type RemoteCommand } from "./remote-command.ts";
