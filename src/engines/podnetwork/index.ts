/**
 * What both engines do about the network of a pod: which namespaces it shares, what the network is told of
 * it, its sysctls, the files that name it and its servers, and connections to its ports.
 *
 * It must not know how pods are made.
 */
export { forwardPort } from "./forward-port.ts";
export { podAttachment, podToDetach } from "./pod-attachment.ts";
export { mountPodDirectory } from "./pod-directory.ts";
export { podHostname, podHosts, podResolvConf } from "./pod-files.ts";
export { namespaceOptions, needsPause, sharesHostIpc, sharesHostNetwork } from "./pod-namespaces.ts";
export { byInterface, podSysctls } from "./pod-sysctls.ts";
export { resolvConfOf } from "./resolv-conf.ts";
