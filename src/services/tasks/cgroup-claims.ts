import { TasksError } from "./tasks-error.ts";

/** Cgroups in which kubelets, systemd and berth make those of others. */
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

/** The cgroups of tasks. Each is its task's alone, with all below it: all in it ends with the task. */
export class CgroupClaims {
  readonly #claimed = new Set<string>();

  /**
   * Until it is disposed of. Throws TasksError FailedPrecondition for a cgroup that a task has, that lies in
   * such a one or has one in it, and for those that others are made in.
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
