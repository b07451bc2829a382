/**
 * What berth's own clients and the daemon say to each other within CRI: labels, annotations and keys of gRPC
 * metadata.
 *
 * This label says who owns a pod or container that is not a kubelet's. Lists and events do not show these to
 * clients that do not ask for them, since a kubelet ends pods that it does not know. berthd sets the label,
 * from {@link ownerMetadata}, and removes it from the configurations of all others: a kubelet passes on
 * labels that its users have written.
 */
export const ownerLabel = "io.berth.owner";
/**
 * Key of the gRPC metadata in which a client says who it is: it owns what it creates, and lists show it that
 * as well.
 */
export const ownerMetadata = "berth-owner";
/** The owner of pods that the command line creates. */
export const cliOwner = "cli";
/**
 * Annotation of containers that have an owner: what berthd does when the container has ended, whether its
 * client is still there or not. `stop-pod` stops the pod, `remove-pod` removes the pod with its containers,
 * `remove` removes this container.
 */
export const whenEndedAnnotation = "io.berth.when-ended";
export const whenEndedActions = ["stop-pod", "remove-pod", "remove"] as const;
export type WhenEnded = (typeof whenEndedActions)[number];
/**
 * Key of the gRPC metadata in a failure of StartContainer that is caused by the container's command: the exit
 * status that shells have for it, 126 or 127.
 */
export const commandStatusMetadata = "berth-command-status";
