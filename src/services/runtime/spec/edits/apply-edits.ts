import { posix } from "node:path";
import type { CdiHook, CdiMount } from "../../../../parts/cdi/index.ts";
import { deviceRule } from "../resources.ts";
import type { OciHook, OciHooks, OciMount, OciSpec } from "../types.ts";
import { isBind, type ResolvedEdits } from "./resolve-edits.ts";

/** Applies the edits of CDI devices to a spec, in order. Pure. */
export function applyEdits(spec: OciSpec, edits: readonly ResolvedEdits[]): OciSpec {
  return edits.reduce(applyOne, spec);
}

function applyOne(spec: OciSpec, edits: ResolvedEdits): OciSpec {
  const { process, linux } = spec;
  const { user } = process;
  const gids = edits.additionalGids.filter((gid) => gid !== 0);
  const paths = new Set(edits.devices.map(({ device }) => device.path));
  const { intelRdt } = edits;
  return {
    ...spec,
    process: {
      ...process,
      env: withVariables(process.env, edits.env),
      user: { ...user, additionalGids: [...new Set([...user.additionalGids, ...gids])] },
    },
    mounts: withMounts(spec.mounts, edits.mounts),
    ...(edits.hooks.length > 0 && { hooks: withHooks(spec.hooks ?? {}, edits.hooks) }),
    linux: {
      ...linux,
      devices: [
        ...linux.devices.filter(({ path }) => !paths.has(path)),
        ...edits.devices.map(({ device }) => device),
      ],
      resources: {
        ...linux.resources,
        devices: [...linux.resources.devices, ...edits.devices.flatMap(deviceRule)],
      },
      ...(intelRdt !== undefined && { intelRdt }),
    },
  };
}

/** A later value replaces an earlier one. */
function withVariables(env: readonly string[], added: readonly string[]): readonly string[] {
  return [...new Map([...env, ...added].map((entry) => [entry.split("=", 1)[0], entry])).values()];
}

/**
 * Sorts mounts so that each comes before those inside it; a later mount replaces an earlier one at the same
 * destination.
 */
function withMounts(mounts: readonly OciMount[], added: readonly CdiMount[]): readonly OciMount[] {
  if (added.length === 0) return mounts;
  const places = new Set(added.map(({ containerPath }) => posix.resolve(containerPath)));
  const kept = mounts.filter(({ destination }) => !places.has(posix.resolve(destination)));
  return [...kept, ...added.map(ociMount)].toSorted((a, b) => depth(a) - depth(b));
}

function ociMount(mount: CdiMount): OciMount {
  const { containerPath: destination, hostPath: source, options, type } = mount;
  if (!isBind(mount)) return { destination, type, source, options };
  const says = options.includes("bind") || options.includes("rbind");
  return { destination, type: "bind", source, options: says ? options : ["rbind", ...options] };
}

function depth({ destination }: OciMount): number {
  return posix.resolve(destination).split("/").length;
}

function withHooks(hooks: OciHooks, added: readonly CdiHook[]): OciHooks {
  const byStage = Map.groupBy(added, ({ hookName }) => hookName);
  const stages = [...byStage].map(([stage, own]) => [stage, [...(hooks[stage] ?? []), ...own.map(ociHook)]]);
  return { ...hooks, ...Object.fromEntries(stages) };
}

function ociHook({ path, args, env, timeout }: CdiHook): OciHook {
  return {
    path,
    ...(args.length > 0 && { args }),
    ...(env.length > 0 && { env }),
    ...(timeout !== undefined && { timeout }),
  };
}
