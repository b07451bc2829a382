/** What the poll thread is told; descriptors go over to it. */
export type PollOrder =
  | RelayOrder
  /** Take a terminal from the first that connects to a listening socket. */
  | { readonly kind: "receive"; readonly id: number; readonly listenFd: number }
  /** Receive no more; closes the listening socket. */
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "end" };

/**
 * Copy between a descriptor that Node's sockets cannot hold and a stream socket that they can, until one of
 * them is closed.
 */
export type RelayOrder = {
  readonly kind: "relay";
  readonly deviceFd: number;
  readonly device: RelayedDevice;
  readonly streamFd: number;
};

/**
 * - `packets`: a SOCK_SEQPACKET socket. On the stream each packet that comes from it stands behind its length
 *   (32 bits, big-endian); what goes to it is cut into packets as it comes.
 * - `terminal`: the master of a pseudo-terminal, bytes both ways.
 */
export type RelayedDevice = "packets" | "terminal";

/** The terminal that came (a descriptor), or undefined when the connection was no good. */
export type PollAnswer = { readonly id: number; readonly terminalFd: number | undefined };
