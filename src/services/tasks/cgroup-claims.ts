import { TasksError } from "./tasks-error.ts";

/** Cgroups in which kubelets, systemd and berth create cgroups for others. */
const shared: ReadonlySet<string> = new Set([
  "/berth",
  "/init.scope",
  "/kubepods",
  "/kubepods.slice",
  "/kubepods.slice/kubepods-besteffort.slice",
  "/kubepods.slice/kubepods-burstable.slice",
  "/kubepods/besteffort",
  "/kubepods/burstable",
  "/machine.slice",
  "/system.slice",
  "/user.slice",
]);

/**
 * The cgroups of tasks. Each belongs to one task only, with all cgroups below it: every process in it is
 * killed when the task ends.
 */
export class CgroupClaims {
  readonly #claimed = new Set<string>();

  /**
   * Claims a cgroup until the result is disposed of. Throws TasksError FailedPrecondition if the cgroup, one
   * above it or one below it belongs to another task, and for cgroups in which others create theirs.
   */
  claim(path: string): Disposable {
    const other = [...this.#claimed].find((each) => isWithin(each, path) || isWithin(path, each));
    if (other !== undefined || shared.has(path)) {
      const why = other === undefined ? "cgroups of others are created in it" : `a task has ${other}`;
      throw new TasksError(
        "FailedPrecondition",
        `linux.cgroupsPath: the cgroup ${path} cannot be a container's own: ${why}; give the container another one`,
      );
    }
    this.#claimed.add(path);
    return { [Symbol.dispose]: () => void this.#claimed.delete(path) };
  }
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
