/**
 * A Docker Engine's HTTP API, versions 1.41 (20.10) to 1.56 (29), as a client: requests and responses in
 * JSON, streams of processes, events, progress (https://docs.docker.com/reference/api/engine/).
 *
 * It must not know pods or the CRI, and keeps no state except the negotiated version.
 */
export { DockerClient } from "./docker-client.ts";
export { DockerError } from "./docker-error.ts";
export { type DockerEndpoint, type DockerTls, parseDockerHost } from "./endpoint.ts";
export { readFrames, readFramesTogether } from "./frames.ts";
export type * from "./types.ts";
