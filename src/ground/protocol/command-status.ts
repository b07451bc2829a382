/**
 * Key of the gRPC metadata that StartContainer's failure carries where the container's command is why: the exit status that
 * shells have for it, 126 or 127.
 */
export const commandStatusMetadata = "berth-command-status";
