import { BerthError } from "../errors/index.ts";

export type Labels = Readonly<Record<string, string>>;

/**
 * How given labels change the existing ones. `merge` sets each of them and keeps the others; `replace`
 * removes the others. An empty value removes a label, as in containerd.
 */
export type LabelUpdate = "merge" | "replace";

/** Code InvalidArgument. */
export class LabelsError extends BerthError {}

/** Bytes of a label's key and value together: containerd's limit (pkg/labels). */
const maxLabelBytes = 4096;

/** The labels after an update. Throws LabelsError for one that is too long. */
export function updateLabels(before: Labels, given: Labels, how: LabelUpdate = "merge"): Labels {
  for (const [key, value] of Object.entries(given)) checkLength(key, value);
  return updateAnyLabels(before, given, how);
}

/** The same without a length limit: containerd has none for leases. */
export function updateAnyLabels(before: Labels, given: Labels, how: LabelUpdate = "merge"): Labels {
  const after = how === "merge" ? { ...before, ...given } : given;
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== ""));
}

function checkLength(key: string, value: string): void {
  const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes <= maxLabelBytes) return;
  throw new LabelsError(
    "InvalidArgument",
    `label ${JSON.stringify(key.slice(0, 64))} has ${bytes} bytes with its value, more than ${maxLabelBytes}`,
  );
}
