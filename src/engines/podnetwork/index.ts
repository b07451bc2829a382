/**
 * What both engines share for a pod's network: its namespaces, the parameters of its attachment, its sysctls,
 * its files (hosts, hostname, resolv.conf), and connections to its ports.
 *
 * It must not know how pods are created.
 */
export { forwardPort } from "./forward-port.ts";
export { podAttachment, podToDetach } from "./pod-attachment.ts";
export { mountPodDirectory, podHostname, podHosts, podResolvConf, resolvConfOf } from "./pod-files.ts";
export { namespaceOptions, needsPause, sharesHostIpc, sharesHostNetwork } from "./pod-namespaces.ts";
export { byInterface, podSysctls } from "./pod-sysctls.ts";
