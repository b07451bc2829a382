import tls from "node:tls";

/**
 * Makes this process also trust the machine's certificate authorities, as berthd does, if this Node supports
 * it.
 */
export function trustSystem(): void {
  if (typeof tls.setDefaultCACertificates !== "function") return;
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
}
