/**
 * Label of pods and containers that are not a kubelet's: whose they are. Lists and events do not show these to clients that do
 * not ask, as a kubelet ends pods that it does not know. berthd gives the label, by {@link ownerMetadata}, and takes it away from
 * configurations of all others: a kubelet passes on what labels its users have written.
 */
export const ownerLabel = "io.berth.owner";

/** Key of the gRPC metadata in which a client says who it is: what it makes is its own, and lists show it that too. */
export const ownerMetadata = "berth-owner";

/** Who the command line says it is. */
export const cliOwner = "cli";

/**
 * Annotation of containers that have an owner: what berthd does when the container has ended, be its client there or not.
 * `stop-pod` gives back the pod's network, `remove-pod` removes the pod with its containers, `remove` this container.
 */
export const whenEndedAnnotation = "io.berth.when-ended";

export const whenEndedActions = ["stop-pod", "remove-pod", "remove"] as const;

export type WhenEnded = (typeof whenEndedActions)[number];
