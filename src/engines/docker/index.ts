/**
 * The Docker engine: pods whose containers are a Docker Engine's, by its API; what dockershim was. CNI
 * networks, logs in CRI's form, figures of cgroups and forwarded ports are berth's own, as with the native
 * engine.
 *
 * Terms: a *sandbox* is a container that does nothing and holds the pod's namespaces; what belongs to a pod
 * is known by *labels* of Docker's containers, so that nothing is kept elsewhere; the *mirror* is what Docker
 * has of ours, in memory, kept true by its events.
 *
 * It must not open berth's own storage, nor start OCI runtimes.
 */
export { DockerEngine, type DockerEngineOptions } from "./docker-engine.ts";
