/**
 * What both engines do about the network of a pod: which namespaces it shares, what the network is told of
 * it, its resolv.conf, and connections to its ports.
 *
 * It must not know how pods are made, nor keep anything.
 */
export { forwardPort } from "./forward-port.ts";
export { podAttachment, podToDetach } from "./pod-attachment.ts";
export { namespaceOptions, needsPause, sharesHostIpc, sharesHostNetwork } from "./pod-namespaces.ts";
export { resolvConfOf } from "./resolv-conf.ts";
