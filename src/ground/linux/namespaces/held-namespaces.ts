import { closeDescriptor } from "../files/descriptors.ts";
import type { NamespaceDescriptors, ThreadNamespace } from "./pod-namespaces.ts";

/**
 * New namespaces without a process and without a pin: they disappear, with everything in them, when this is
 * disposed of, and when this process ends, however it ends.
 */
export class HeldNamespaces implements Disposable {
  readonly descriptors: NamespaceDescriptors;
  #isOpen = true;

  constructor(descriptors: NamespaceDescriptors) {
    this.descriptors = descriptors;
  }

  /** A path of one of them for every thread of this process, until this is disposed of. */
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
