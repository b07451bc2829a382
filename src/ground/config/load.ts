import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { BerthError } from "../errors/index.ts";
import { isErrno } from "../fs/index.ts";
import { type Problem, readKeys } from "./read.ts";
import { type Config, schema } from "./schema.ts";

/**
 * An invalid configuration. The message has a line for each problem. Code InvalidArgument, or NotFound for a
 * missing file.
 */
export class ConfigError extends BerthError {}

/** The file that is read by default. */
export const defaultConfigFile = "/etc/berth/config.toml";

export type ConfigSource = {
  /** Undefined reads {@link defaultConfigFile} if it exists. */
  readonly file?: string | undefined;
  /** From the command line; they override the file. */
  readonly overrides?: {
    readonly root?: string | undefined;
    readonly state?: string | undefined;
    readonly address?: string | undefined;
  };
};

/**
 * Reads the configuration. Throws ConfigError: NotFound if the given file does not exist, InvalidArgument
 * with every problem of its text, or of the command line.
 */
export async function loadConfig({ file, overrides = {} }: ConfigSource): Promise<Config> {
  const config = parseConfig(await readConfigFile(file), file ?? defaultConfigFile);
  return { ...config, ...readOverrides(overrides) };
}

function readOverrides(overrides: NonNullable<ConfigSource["overrides"]>): Partial<Config> {
  const { root, state, address } = schema.keys;
  const given = Object.entries({ root, state, address }).filter(
    ([name]) => overrides[name as keyof typeof overrides] !== undefined,
  );
  const problems: Problem[] = [];
  const read = readKeys(Object.fromEntries(given), overrides, "", problems);
  if (problems.length === 0) return read;
  const lines = problems.map(({ path, message }) => `--${path}: ${message}`);
  throw new ConfigError("InvalidArgument", lines.join("\n"));
}

async function readConfigFile(file: string | undefined): Promise<string> {
  try {
    return await readFile(file ?? defaultConfigFile, "utf8");
  } catch (cause) {
    const missing = isErrno(cause, "ENOENT");
    if (missing && file === undefined) return "";
    const path = file ?? defaultConfigFile;
    if (missing)
      throw new ConfigError(
        "NotFound",
        `configuration file ${path} not found; create one with \`berth config default\``,
      );
    throw new ConfigError("InvalidArgument", `cannot read configuration file ${path}`, { cause });
  }
}

/**
 * Parses a configuration; messages call it `name`. Throws ConfigError InvalidArgument with a line for each
 * problem.
 */
export function parseConfig(text: string, name: string): Config {
  const problems: Problem[] = [];
  // readKeys returns the type that ValueOf derives from the same schema.
  const config = readKeys(schema.keys, parseToml(text, name), "", problems) as Config;
  if (problems.length > 0) {
    const lines = problems.map((problem) => describe(problem, text, name));
    throw new ConfigError("InvalidArgument", lines.join("\n"));
  }
  return config;
}

function describe({ path, message }: Problem, text: string, name: string): string {
  const line = lineOf(text, path);
  return `${line === undefined ? name : `${name}:${line}`}: ${path}: ${message}`;
}

function parseToml(text: string, name: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    // The rest of the parser's message shows the lines with any bytes in them.
    const [why = ""] = cause.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new ConfigError(
      "InvalidArgument",
      `${name}:${cause.line}:${cause.column}: this is not TOML: ${why}`,
    );
  }
}

/**
 * The line number (from 1) of the key or table with that dotted path in a TOML text; undefined if it is not
 * found. The parser does not report it, so this scans only headings and keys: good enough for users.
 */
function lineOf(text: string, path: string): number | undefined {
  let heading = "";
  for (const [index, line] of text.split("\n").entries()) {
    const table = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const key = /^\s*([^\s=#[\]{}][^=#[\]{}]*)=/.exec(line)?.[1];
    if (table !== undefined) heading = plain(table);
    const here = table !== undefined ? heading : key !== undefined ? joined(heading, plain(key)) : undefined;
    // A key of an inline table is on the line of the table.
    if (here !== undefined && (here === path || (key !== undefined && path.startsWith(`${here}.`))))
      return index + 1;
  }
  return undefined;
}

/** `a . "b"` as `a.b`. */
function plain(dotted: string): string {
  return dotted.replaceAll(/["'\s]/g, "");
}

function joined(heading: string, key: string): string {
  return heading === "" ? key : `${heading}.${key}`;
}
