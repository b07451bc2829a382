import tls from "node:tls";

/**
 * Has this process trust the certificate authorities of the machine too, as berthd does, where this Node can.
 */
export function trustSystem(): void {
  if (typeof tls.setDefaultCACertificates !== "function") return;
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
}
