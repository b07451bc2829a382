import type { Checkpoint } from "../../../services/checkpoint/index.ts";
import type { OciSpec } from "../../../services/runtime/index.ts";
import { EngineError } from "../../engine/index.ts";

/** Every engine creates these for each pod; some only CRI-O. */
const ownMounts = new Set([
  "/dev/shm",
  "/etc/resolv.conf",
  "/etc/hostname",
  "/etc/hosts",
  "/run/secrets",
  "/run/.containerenv",
]);

/**
 * Refuses a container into which the checkpoint's processes cannot be restored. criu restores the
 * checkpointed mounts: a missing one would have no source, and an additional one would not appear. With
 * `exact`, the process must be the configured one. Throws EngineError FailedPrecondition.
 */
export function requireSameShape(
  container: string,
  { spec: was }: Pick<Checkpoint, "spec">,
  { process, mounts }: OciSpec,
  exact: boolean,
): void {
  const refuse = (why: string): never => {
    throw new EngineError("FailedPrecondition", `container ${container} cannot be restored: ${why}`);
  };
  const binds = mounts.filter(({ type }) => type === "bind").map(({ destination }) => destination);
  const missing = difference(was.bindMounts, binds);
  if (missing.length > 0)
    refuse(`its checkpoint has mounts at ${missing.join(", ")}, but its configuration does not`);
  const more = difference(binds, was.bindMounts);
  if (more.length > 0)
    refuse(`its configuration has mounts at ${more.join(", ")}, but its checkpoint does not`);
  if (was.terminal !== process.terminal)
    refuse(`its checkpoint has ${was.terminal ? "a" : "no"} terminal, but its configuration differs`);
  if (!exact) return;
  if (was.args.join("\0") !== process.args.join("\0"))
    refuse(`its checkpoint runs ${JSON.stringify(was.args)}, not ${JSON.stringify(process.args)}`);
  if (was.cwd !== process.cwd) refuse(`its checkpoint was started in ${was.cwd}, not ${process.cwd}`);
  const { uid, gid } = process.user;
  if (was.uid !== uid || was.gid !== gid)
    refuse(`its checkpoint was started as user ${was.uid}:${was.gid}, not ${uid}:${gid}`);
}

function difference(some: readonly string[], others: readonly string[]): readonly string[] {
  const there = new Set(others);
  return some.filter((path) => !there.has(path) && !ownMounts.has(path));
}
