import type { OciHook, OciHookStage } from "../spec/types.ts";

/** One file of a hooks directory (oci-hooks(5) of containers/common, version 1.0.0). */
export type HookDefinition = {
  readonly file: string;
  readonly hook: OciHook;
  readonly stages: readonly OciHookStage[];
  /** All of these must be true of a container for which the hook runs; there is at least one. */
  readonly when: {
    readonly always?: boolean;
    /** Some annotation's key and value match, for each pair. */
    readonly annotations?: readonly { readonly key: RegExp; readonly value: RegExp }[];
    /** The first word of the command matches one of them. */
    readonly commands?: readonly RegExp[];
    /** The client asked for a directory or file of the host. */
    readonly hasBindMounts?: boolean;
  };
};

/** What the conditions look at. */
export type HookSubject = {
  readonly annotations: Readonly<Record<string, string>>;
  readonly command: string;
  readonly hasBindMounts: boolean;
};

/** Whether the hook is to run for such a container. */
export function matches({ when }: HookDefinition, subject: HookSubject): boolean {
  const { always, annotations, commands, hasBindMounts } = when;
  return (
    (always === undefined || always) &&
    (annotations === undefined || annotations.every((pair) => hasAnnotation(subject.annotations, pair))) &&
    (commands === undefined || commands.some((pattern) => pattern.test(subject.command))) &&
    (hasBindMounts === undefined || hasBindMounts === subject.hasBindMounts)
  );
}

function hasAnnotation(
  annotations: HookSubject["annotations"],
  pattern: { readonly key: RegExp; readonly value: RegExp },
): boolean {
  return Object.entries(annotations).some(
    ([key, value]) => pattern.key.test(key) && pattern.value.test(value),
  );
}
