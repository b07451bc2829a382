import { readFileSync } from "node:fs";

/** berth's version, from its package.json. */
export function berthVersion(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  return version;
}
