import { usageError } from "../errors.ts";

/**
 * The host of a registry, from `registry.example`, `https://registry.example/v2/` or, as in docker, nothing.
 * Throws CliError.
 */
export function registryHost(text: string | undefined): string {
  if (text === undefined) return "docker.io";
  const host = text.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
  if (/^[a-z0-9.-]+(:\d+)?$|^\[[0-9a-f:]+\](:\d+)?$/i.test(host))
    return ["index.docker.io", "registry-1.docker.io"].includes(host) ? "docker.io" : host;
  throw usageError(`${JSON.stringify(text)} is not a registry: give its host, such as registry.example:5000`);
}
