/**
 * The door for what berthd offers beyond the CRI: the gRPC service `berth.v1.Berth`
 * (proto/berth/v1/berth.proto), which pulls and pushes with progress, tags, and imports archives. It
 * translates between the wire and {@link Images} and holds no state; what an image is, is decided below. The
 * daemon adds it to the server that serves the CRI.
 */
export { managerService } from "./manager-service.ts";
export { type BerthServiceOptions, openBerthService } from "./service.ts";
