import { closeDescriptor } from "../files/descriptors.ts";
import type { NamespaceDescriptors, ThreadNamespace } from "./pod-namespaces.ts";

/**
 * New namespaces that no process is in and that nothing pins: they go, with all that is in them, when this is
 * disposed of, and when this process ends, however that ends.
 */
export class HeldNamespaces implements Disposable {
  readonly descriptors: NamespaceDescriptors;
  #isOpen = true;

  constructor(descriptors: NamespaceDescriptors) {
    this.descriptors = descriptors;
  }

  /** Where every thread of this process finds one of them, until this is disposed of. */
  path(kind: ThreadNamespace): string {
    return heldPath(this.descriptors[kind]);
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const descriptor of Object.values(this.descriptors)) closeDescriptor(descriptor);
  }
}

export function heldPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
