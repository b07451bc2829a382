/**
 * The Docker engine: runs pods with a Docker Engine, through its API, as dockershim did. CNI networks, logs
 * in CRI's format, cgroup statistics and forwarded ports are berth's own, as with the native engine.
 *
 * Terms: a *sandbox* is a container that only pauses and holds the pod's namespaces; *labels* of Docker's
 * containers say what belongs to a pod, so that no state is kept elsewhere; the *mirror* is an in-memory copy
 * of our objects in Docker, updated by its events.
 *
 * It must not open berth's own storage, nor start OCI runtimes.
 */
export { DockerEngine, type DockerEngineOptions } from "./docker-engine.ts";
