/**
 * containerd's namespaces: tenants of the metadata, isolated from each other (not to be confused with
 * Kubernetes' and Linux' namespaces). A namespace need not be created before it is used; if it has a record,
 * the record holds its labels.
 *
 * This room does not know what a namespace contains.
 */
export { checkNamespace, isIdentifier, NamespaceError } from "./name.ts";
export { type Namespace, NamespaceStore } from "./namespace-store.ts";
