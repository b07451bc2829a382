import type { Entry } from "./keys.ts";

/** The key in the file for a property of the schema: `pullProgressTimeoutMs` is `pull_progress_timeout`. */
export function tomlName(property: string, entry: Entry): string {
  const isTime = entry.kind === "key" && property.endsWith("Ms");
  const words = isTime ? property.slice(0, -"Ms".length) : property;
  return words.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
