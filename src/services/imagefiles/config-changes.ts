import { isRecord } from "../../ground/json/index.ts";
import { ImageFilesError } from "./image-files-error.ts";
import { splitWords } from "./split-words.ts";

type Json = Readonly<Record<string, unknown>>;
type Apply = (config: Json, text: string) => Json;

/**
 * Applies the changes to an image's `config` (OCI image-spec 1.1, config.md), in order. Throws
 * ImageFilesError InvalidArgument for anything but an instruction that changes a configuration.
 */
export function changedConfig(config: Json, changes: readonly string[]): Json {
  return changes.reduce((changed, change) => {
    const { instruction, text } = parse(change);
    const apply = instructions[instruction];
    if (apply !== undefined && text !== "") return apply(changed, text);
    const known = Object.keys(instructions).join(", ");
    throw new ImageFilesError(
      "InvalidArgument",
      `change ${JSON.stringify(change)}: give one of ${known}, and its value`,
    );
  }, config);
}

/** `ENV A=1`, and podman's form, `ENV=A=1`. */
function parse(change: string): { readonly instruction: string; readonly text: string } {
  const trimmed = change.trim();
  const [name = ""] = /^[A-Za-z]+/.exec(trimmed) ?? [];
  const rest = trimmed.slice(name.length);
  const text =
    rest.startsWith("=") || rest.startsWith(" ") || rest.startsWith("\t") ? rest.slice(1).trim() : "";
  return { instruction: name.toUpperCase(), text };
}

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (config, text) => ({ ...config, Cmd: command(text) }),
  ENTRYPOINT: (config, text) => ({ ...config, Entrypoint: command(text) }),
  ENV: (config, text) => ({ ...config, Env: environment(texts(config.Env), pairs(text, "ENV")) }),
  EXPOSE: (config, text) => ({
    ...config,
    ExposedPorts: { ...record(config.ExposedPorts), ...set(splitWords(text).map(port)) },
  }),
  LABEL: (config, text) => ({
    ...config,
    Labels: { ...record(config.Labels), ...Object.fromEntries(pairs(text, "LABEL")) },
  }),
  STOPSIGNAL: (config, text) => ({ ...config, StopSignal: text }),
  USER: (config, text) => ({ ...config, User: text }),
  VOLUME: (config, text) => ({
    ...config,
    Volumes: { ...record(config.Volumes), ...set(listed(text) ?? splitWords(text)) },
  }),
  WORKDIR: (config, text) => ({ ...config, WorkingDir: absolute(config.WorkingDir, text) }),
};

/** A JSON list, or a shell command. */
function command(text: string): readonly string[] {
  return listed(text) ?? ["/bin/sh", "-c", text];
}

function listed(text: string): readonly string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => typeof each === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `A=1 B=2`, or the older `A 1`. */
function pairs(text: string, instruction: string): readonly (readonly [string, string])[] {
  const words = splitWords(text);
  const [first = "", ...rest] = words;
  if (!first.includes("=") && rest.length > 0) return [[first, rest.join(" ")]];
  return words.map((word) => {
    const equals = word.indexOf("=");
    if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)];
    throw new ImageFilesError(
      "InvalidArgument",
      `change ${JSON.stringify(`${instruction} ${text}`)}: ${JSON.stringify(word)} is not KEY=VALUE`,
    );
  });
}

function environment(
  present: readonly string[],
  added: readonly (readonly [string, string])[],
): readonly string[] {
  const variables = new Map(present.map((each) => [each.split("=", 1)[0] ?? each, each]));
  for (const [key, value] of added) variables.set(key, `${key}=${value}`);
  return [...variables.values()];
}

function port(text: string): string {
  const [number = "", protocol = "tcp"] = text.split("/");
  if (/^\d{1,5}$/.test(number) && Number(number) < 65_536 && ["tcp", "udp", "sctp"].includes(protocol))
    return `${Number(number)}/${protocol}`;
  throw new ImageFilesError(
    "InvalidArgument",
    `change EXPOSE: ${JSON.stringify(text)} is not PORT[/PROTOCOL]`,
  );
}

function absolute(present: unknown, path: string): string {
  if (path.startsWith("/")) return path;
  const base = typeof present === "string" && present !== "" ? present : "/";
  return `${base.endsWith("/") ? base : `${base}/`}${path}`;
}

function set(keys: readonly string[]): Json {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}
