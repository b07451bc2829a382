import type { SELinuxOption } from "../../../ground/protocol/index.ts";

/**
 * An SELinux security context, `user:role:type:level`; the level may have colons and commas in it
 * ("s0:c1,c2").
 */
export type SeLinuxLabel = {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  /** "" where the policy has no levels. */
  readonly level: string;
};

/** Undefined for a text that is none. */
export function parseLabel(text: string): SeLinuxLabel | undefined {
  const [user = "", role = "", type = "", ...level] = text.trim().split(":");
  if (user === "" || role === "" || type === "") return undefined;
  return { user, role, type, level: level.join(":") };
}

export function formatLabel({ user, role, type, level }: SeLinuxLabel): string {
  return [user, role, type, ...(level === "" ? [] : [level])].join(":");
}

/** The label with those parts that the options name. */
export function withOptions(label: SeLinuxLabel, options: SELinuxOption | undefined): SeLinuxLabel {
  return {
    user: options?.user || label.user,
    role: options?.role || label.role,
    type: options?.type || label.type,
    level: options?.level || label.level,
  };
}
