import { messageOf } from "../../ground/errors/index.ts";
import { refreshVolumes } from "../podspec/index.ts";
import type { PodWork } from "./pod-work.ts";

/** Keeps the files that are made of objects, and of the pod itself, as these are. */
export class VolumeRefresh {
  readonly #work: PodWork;
  /** Also true of changes that an earlier worker may have missed. */
  #isDue = true;

  constructor(work: PodWork) {
    this.#work = work;
  }

  /** A config map or secret of the pod's namespace has changed, or what the pod says of itself. */
  changed(): void {
    this.#isDue = true;
  }

  /** Once after each change; what is not there any more stays as it was. */
  async refresh(podIps: readonly string[]): Promise<void> {
    if (!this.#isDue) return;
    this.#isDue = false;
    const { pod, context, onEvent } = this.#work;
    try {
      await refreshVolumes({ pod, podIps, context });
    } catch (error) {
      onEvent("Warning", "FailedMount", messageOf(error));
    }
  }
}
