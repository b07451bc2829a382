/**
 * Blobs from other nodes: a server that serves a node's blobs to its *peers*, and a client that asks peers
 * before the registry.
 *
 * A peer is trusted only as far as digests go: bytes from it are a blob only if their digest matches, and a
 * peer that stalls, sends wrong bytes or fails is *dropped*: not asked for a while. A server serves blobs
 * only by digest, lists none, and only to clients with a certificate or a token: whoever knows the digest of
 * a layer has had its manifest from a registry. Peers get no registry credentials, and are not asked for
 * tags.
 *
 * This room does not know images. The server runs in its own thread; {@link fetchFromPeers} works in any
 * thread.
 */
export { fetchFromPeers, type PeerSink } from "./fetch-from-peers.ts";
export { type Peer, type PeerAccess, PeerError, type PeerOutcome, type WantedBlob } from "./peer.ts";
export { PeerAddresses } from "./peer-addresses.ts";
export { type FindBlob, PeerServer } from "./peer-server.ts";
export { type PeerSettings, readPeerSettings } from "./peer-settings.ts";
export { Peers } from "./peers.ts";
