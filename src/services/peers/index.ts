/**
 * Blobs from other nodes: a server that gives a node's blobs to its *peers*, and the way to ask them before a
 * registry is asked.
 *
 * A peer is trusted with nothing but the knowledge of digests: what comes from it is a blob only if its
 * digest says so, and a peer that stalls, lies or fails is *dropped*, which is not asked for a while. A
 * server gives blobs only by digest, lists none, and only to who shows a certificate or a token: whoever
 * knows the digest of a layer has had its manifest from a registry. No credentials of registries go to peers,
 * and no tag is asked of them.
 *
 * This room knows nothing of images. The server runs in a thread of its own; {@link fetchFromPeers} is for
 * any thread.
 */
export { fetchFromPeers, type PeerSink } from "./fetch-from-peers.ts";
export { type Peer, type PeerAccess, PeerError, type PeerOutcome, type WantedBlob } from "./peer.ts";
export { PeerAddresses } from "./peer-addresses.ts";
export { type FindBlob, PeerServer } from "./peer-server.ts";
export { type PeerSettings, readPeerSettings } from "./peer-settings.ts";
export { Peers } from "./peers.ts";
