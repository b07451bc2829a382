import { RuntimeError } from "../runtime-error.ts";
import type { ContainerSpecInput } from "../spec/input.ts";
import { type OciHooks, type OciSpec, ociHookStages } from "../spec/types.ts";
import { type HookDefinition, type HookSubject, isFor, type UsableHook } from "./hook-definition.ts";

/** Names, on a container's specification, the files of the hooks that run for it. */
const filesAnnotation = "io.berth.hooks";

/**
 * The hooks that run for a container, and an annotation that names their files. Throws RuntimeError
 * FailedPrecondition for one that cannot be used and is, or may be, for this container, unless these are to
 * be skipped: without a hook that it was to have it may be without a limit that it was to have.
 */
export function containerHooks(
  {
    config,
    sandboxConfig,
    resolved,
    settings,
  }: Pick<ContainerSpecInput, "config" | "sandboxConfig" | "resolved" | "settings">,
  spec: Pick<OciSpec, "process" | "annotations">,
): Pick<OciSpec, "annotations" | "hooks"> {
  const { annotations } = spec;
  const subject: HookSubject = {
    annotations: { ...config.annotations, ...sandboxConfig.annotations, ...annotations },
    command: spec.process.args[0] ?? "",
    hasBindMounts: config.mounts.some(({ hostPath }) => hostPath !== ""),
  };
  const applied = resolved.hooks.flatMap((definition) => usable(definition, subject, settings.unusableHooks));
  if (applied.length === 0) return { annotations };
  const files = applied.map(({ file }) => file).join(",");
  return { annotations: { ...annotations, [filesAnnotation]: files }, hooks: byStage(applied) };
}

function usable(
  definition: HookDefinition,
  subject: HookSubject,
  unusable: "refuse" | "skip",
): readonly UsableHook[] {
  const verdict = isFor(definition.when, subject);
  if (verdict === "no") return [];
  if (definition.kind === "usable") return [definition];
  if (unusable === "skip") return [];
  const whose = verdict === "yes" ? "applies to this container" : "may apply to this container";
  throw new RuntimeError(
    "FailedPrecondition",
    `OCI hook ${definition.file} is invalid and ${whose}: ${definition.problem}; correct or remove the file, or set container.unusable_hooks = "skip"`,
  );
}

function byStage(definitions: readonly UsableHook[]): OciHooks {
  const stages = ociHookStages.map((stage) => {
    const hooks = definitions.filter(({ stages }) => stages.includes(stage)).map(({ hook }) => hook);
    return [stage, hooks] as const;
  });
  return Object.fromEntries(stages.filter(([, hooks]) => hooks.length > 0));
}
