import type { SELinuxOption } from "../../protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { formatLabel, withOptions } from "./label.ts";
import { newLevel } from "./levels.ts";
import { type PolicyContexts, readPolicyContexts } from "./policy-contexts.ts";

export type SeLinuxOptions = {
  /** Categories of pods are below this number. */
  readonly categoryRange: number;
  /** /etc/selinux unless given. */
  readonly directory?: string;
};

/** The labels of one container: of its processes, and of its files. */
export type SeLinuxLabels = { readonly process: string; readonly mount: string };

/** Labels by the node's SELinux policy. Only where SELinux is enabled, in the kernel and in the configuration. */
export class SeLinux {
  readonly #contexts: PolicyContexts;
  readonly #categoryRange: number;

  private constructor(contexts: PolicyContexts, categoryRange: number) {
    this.#contexts = contexts;
    this.#categoryRange = categoryRange;
  }

  /** Throws RuntimeError FailedPrecondition when the policy knows no containers. */
  static async open({ categoryRange, directory = "/etc/selinux" }: SeLinuxOptions): Promise<SeLinux> {
    const contexts = await readPolicyContexts(directory);
    if (contexts !== undefined) return new SeLinux(contexts, categoryRange);
    throw new RuntimeError(
      "FailedPrecondition",
      `security.enable_selinux: the policy that ${directory}/config names has no contexts/lxc_contexts; install the policy for containers (container-selinux), or turn the key off`,
    );
  }

  /** The level of a new pod, which none of those `inUse` has. */
  newLevel(inUse: ReadonlySet<string>): string {
    return newLevel(inUse, this.#categoryRange);
  }

  /** Files have the process's user and level, so that it can use them, and the policy's own type. */
  labels(options: SELinuxOption | undefined, podLevel: string): SeLinuxLabels {
    const process = withOptions({ ...this.#contexts.process, level: podLevel }, options);
    const { user, level } = process;
    return {
      process: formatLabel(process),
      mount: formatLabel({ ...this.#contexts.file, user, level }),
    };
  }
}
