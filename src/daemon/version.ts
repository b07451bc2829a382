import { createRequire } from "node:module";

const manifest: unknown = createRequire(import.meta.url)("../../package.json");

/** The version of the package. */
export const version = versionOf(manifest);

function versionOf(value: unknown): string {
  if (typeof value === "object" && value !== null && "version" in value && typeof value.version === "string")
    return value.version;
  throw new Error("package.json has no version");
}
