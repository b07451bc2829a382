import type { ContainerSpecInput } from "../spec/input.ts";
import { type OciHooks, type OciSpec, ociHookStages } from "../spec/types.ts";
import { type HookDefinition, type HookSubject, matches } from "./hook-definition.ts";

/** Names, on a container's specification, the files of the hooks that run for it. */
const filesAnnotation = "io.berth.hooks";

/** The hooks that run for a container, and an annotation that names their files. */
export function containerHooks(
  { config, sandboxConfig, resolved }: Pick<ContainerSpecInput, "config" | "sandboxConfig" | "resolved">,
  spec: Pick<OciSpec, "process" | "annotations">,
): Pick<OciSpec, "annotations" | "hooks"> {
  const { annotations } = spec;
  const subject: HookSubject = {
    annotations: { ...config.annotations, ...sandboxConfig.annotations, ...annotations },
    command: spec.process.args[0] ?? "",
    hasBindMounts: config.mounts.some(({ hostPath }) => hostPath !== ""),
  };
  const applied = resolved.hooks.filter((definition) => matches(definition, subject));
  if (applied.length === 0) return { annotations };
  const files = applied.map(({ file }) => file).join(",");
  return { annotations: { ...annotations, [filesAnnotation]: files }, hooks: byStage(applied) };
}

function byStage(definitions: readonly HookDefinition[]): OciHooks {
  const stages = ociHookStages.map((stage) => {
    const hooks = definitions.filter(({ stages }) => stages.includes(stage)).map(({ hook }) => hook);
    return [stage, hooks] as const;
  });
  return Object.fromEntries(stages.filter(([, hooks]) => hooks.length > 0));
}
