import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { BerthError } from "../errors/index.ts";
import { isErrno } from "../fs/index.ts";
import { type Problem, readKeys } from "./read.ts";
import { type Config, schema } from "./schema.ts";

/**
 * A configuration that cannot be used. The message has one line for each problem, all at once. Code
 * InvalidArgument, or NotFound for a file that is not there.
 */
export class ConfigError extends BerthError {}

/** The file that is read when none is named. */
export const defaultConfigFile = "/etc/berth/config.toml";

export type ConfigSource = {
  /** Undefined reads {@link defaultConfigFile} if it is there. */
  readonly file?: string | undefined;
  /** From the command line: they win over the file. */
  readonly overrides?: {
    readonly root?: string | undefined;
    readonly state?: string | undefined;
    readonly address?: string | undefined;
  };
};

/**
 * Reads the configuration. Throws ConfigError: NotFound for a named file that is not there, InvalidArgument
 * with every problem of its text.
 */
export async function loadConfig({ file, overrides = {} }: ConfigSource): Promise<Config> {
  const config = parseConfig(await readConfigFile(file), file ?? defaultConfigFile);
  const { root = config.root, state = config.state, address = config.address } = overrides;
  return { ...config, root, state, address };
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
 * Reads a configuration's text; `name` is what the messages call it. Throws ConfigError InvalidArgument with
 * every problem, a line each.
 */
export function parseConfig(text: string, name: string): Config {
  const problems: Problem[] = [];
  // readKeys makes what ValueOf says of the same schema.
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
    // The parser's message goes on with a drawing of the lines, whatever bytes are in them.
    const [why = ""] = cause.message.replace(/^Invalid TOML document: /, "").split("\n");
    throw new ConfigError(
      "InvalidArgument",
      `${name}:${cause.line}:${cause.column}: this is not TOML: ${why}`,
    );
  }
}

/**
 * The number, from 1, of the line on which a key or table with that dotted path stands in a TOML text;
 * undefined where it cannot be found. The parser does not say, so this reads headings and keys alone: good
 * enough to lead a person there.
 */
function lineOf(text: string, path: string): number | undefined {
  let heading = "";
  for (const [index, line] of text.split("\n").entries()) {
    const table = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const key = /^\s*([^\s=#[\]{}][^=#[\]{}]*)=/.exec(line)?.[1];
    if (table !== undefined) heading = plain(table);
    const here = table !== undefined ? heading : key !== undefined ? joined(heading, plain(key)) : undefined;
    // A key of an inline table stands on the line of the table.
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
