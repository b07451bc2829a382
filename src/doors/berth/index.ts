/**
 * The door for berthd's features beyond the CRI: the gRPC service `berth.v1.Berth`
 * (proto/berth/v1/berth.proto), which pulls and pushes with progress, tags, and imports archives. It
 * translates between the protocol and {@link Images} and keeps no state. The daemon adds it to the CRI's
 * server.
 */
export { managerService, type PodManager } from "./manager-service.ts";
export { type BerthServiceOptions, openBerthService } from "./service.ts";
