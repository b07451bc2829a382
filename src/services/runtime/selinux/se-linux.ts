import { HostPaths } from "../../../ground/hostpaths/index.ts";
import type { SELinuxOption } from "../../../ground/protocol/index.ts";
import { JobThread, threadFile } from "../../../ground/threads/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { formatLabel, withOptions } from "./label.ts";
import { labelTree } from "./label-tree.ts";
import type { LabelJob } from "./label-worker.ts";
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

/** Directories that the whole machine uses: with a pod's label on them it would not work any more. */
const common =
  "/ /bin /boot /dev /etc /home /lib /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log /var/run /var/tmp";
const protectedPaths: ReadonlySet<string> = new Set(common.split(" "));

type LabelThread = JobThread<LabelJob, void>;

function newThread(): LabelThread {
  const file = threadFile(import.meta.url, "./label-worker");
  return new JobThread({ name: "labels", file, error: RuntimeError });
}

/**
 * Labels by the node's SELinux policy. Only where SELinux is enabled, in the kernel and in the configuration.
 */
export class SeLinux implements AsyncDisposable {
  readonly #contexts: PolicyContexts;
  readonly #categoryRange: number;
  /** Whose volumes are labelled: one that is huge, or does not answer, holds up its own pod alone. */
  readonly #paths = new HostPaths({
    all: 8,
    perOwner: 1,
    perFileSystem: 2,
    ofOthers: 4,
    slowMs: 10_000,
    answerMs: 600_000,
  });
  readonly #threads = new Set<LabelThread>();
  readonly #free: LabelThread[] = [];

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
      `security.enable_selinux: the policy that ${directory}/config names has no contexts/lxc_contexts; install the policy for containers (container-selinux), or unset the key`,
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

  /** Gives a label to a file of the daemon's own, as {@link relabel} does. Throws LinuxError. */
  relabelOwn(path: string, label: string): void {
    // One file is labelled sooner than a thread is asked to.
    labelTree(path, label);
  }

  /**
   * Gives a label to a file, or to a directory and all in it, links not followed, for `owner`: one after the
   * other for each owner, and by its turn among all. A file system that keeps no labels is left as it is.
   * `path` has no links in it. Throws RuntimeError: InvalidArgument for a directory of the whole machine's,
   * else what went wrong; HostPathError Unavailable for what is not done after ten minutes.
   */
  async relabel(owner: string, path: string, label: string): Promise<void> {
    if (protectedPaths.has(path)) {
      throw new RuntimeError(
        "InvalidArgument",
        `selinux_relabel: refusing to relabel ${path}, which the whole machine uses`,
      );
    }
    await this.#paths.of(owner)(path, () => this.#inThread({ path, label }));
  }

  async #inThread(job: LabelJob): Promise<void> {
    const thread = this.#free.pop() ?? newThread();
    this.#threads.add(thread);
    try {
      await thread.run(job);
    } finally {
      this.#free.push(thread);
    }
  }

  /** Relabelling under way fails. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread[Symbol.asyncDispose]()));
  }
}
