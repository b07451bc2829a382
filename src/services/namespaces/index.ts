/**
 * containerd's namespaces: tenants of the metadata, which see nothing of each other. (Kubernetes' and Linux'
 * namespaces are others.) One need not be created before it is used; a record of it has its labels.
 *
 * This room does not know what is kept in a namespace.
 */
export { checkNamespace, isIdentifier, NamespaceError } from "./name.ts";
export { type Namespace, NamespaceStore } from "./namespace-store.ts";
