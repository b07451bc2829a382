import { closeDescriptorAsync } from "./files/descriptors.ts";
import { callAsync } from "./libc.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSOPEN_CLOEXEC,
  fsconfigCall,
  fsopenCall,
  SYS_fsconfig,
  SYS_fsopen,
} from "./mounts/mount-calls.ts";
import { mountInfo } from "./mounts/mount-info.ts";

/**
 * Preserves the options of cgroup v2, such as nsdelegate, while programs run that mount it for themselves, as
 * criu does: all mounts share one set of options, and a mount without them in the host's cgroup namespace
 * removes them for everybody (https://github.com/checkpoint-restore/criu/issues/3029).
 */
export class CgroupOptions {
  /** The options before the first of the programs that are running now. */
  #before: Promise<readonly string[]> | undefined;
  #programs = 0;

  /**
   * Runs a program, and restores options that cgroup v2 has lost afterwards. Throws LinuxError on failure.
   */
  async keep<T>(program: () => Promise<T>): Promise<T> {
    this.#before ??= currentOptions();
    const before = this.#before;
    this.#programs++;
    try {
      await before;
      return await program();
    } finally {
      try {
        await giveBack(await before);
      } finally {
        this.#programs--;
        if (this.#programs === 0) this.#before = undefined;
      }
    }
  }
}

/** Undefined if no cgroup v2 is mounted. */
async function currentOptions(): Promise<readonly string[]> {
  const [unified] = await mountInfo({ type: "cgroup2" });
  return (unified?.superOptions ?? []).filter((option) => option !== "rw" && option !== "ro");
}

async function giveBack(options: readonly string[]): Promise<void> {
  const now = await currentOptions();
  if (options.every((option) => now.includes(option))) return;
  await setOptions(options);
}

/** The kernel sets the options when the file system is configured; it need not be mounted anywhere. */
async function setOptions(options: readonly string[]): Promise<void> {
  const subject = `cgroup2 with ${options.join(",")}`;
  const fd = await callAsync("fsopen", fsopenCall, [SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC], subject);
  const configure = (command: number, key: string | null) =>
    callAsync("fsconfig", fsconfigCall, [SYS_fsconfig, fd, command, key, null, 0], subject);
  try {
    for (const option of options) await configure(FSCONFIG_SET_FLAG, option);
    await configure(FSCONFIG_CMD_CREATE, null);
  } finally {
    await closeDescriptorAsync(fd);
  }
}
