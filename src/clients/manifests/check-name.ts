import type { Manifest } from "./kinds.ts";
import type { Place } from "./place.ts";

/** Kinds whose names are labels of DNS names. */
const namedByLabel = new Set(["Service", "Namespace", "StatefulSet"]);
const maxLabelLetters = 63;
/** Leaves room for the time in the names of its jobs. */
const maxCronJobLetters = 52;

/** Checks further rules for an object's name, from which other names are derived. */
export function checkName(manifest: Manifest, place: Place): void {
  const { kind, metadata } = manifest;
  const { name } = metadata;
  const isLabel = (text: string) => !text.includes(".") && text.length <= maxLabelLetters;
  if (namedByLabel.has(kind) && !isLabel(name))
    place.error(`${JSON.stringify(name)} must have no dots, and at most ${maxLabelLetters} letters`);
  if (kind === "CronJob" && name.length > maxCronJobLetters)
    place.error(`${JSON.stringify(name)} must have at most ${maxCronJobLetters} letters`);
  if (manifest.kind !== "Job" || manifest.spec?.completionMode !== "Indexed") return;
  const lastHost = `${name}-${Math.max(0, (manifest.spec.completions ?? 0) - 1)}`;
  if (!isLabel(lastHost))
    place.error(
      `${JSON.stringify(name)} is too long or has dots: ${lastHost} would be no name of a host, with at most ${maxLabelLetters} letters`,
    );
}
