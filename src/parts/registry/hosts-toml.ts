import { isAbsolute, join } from "node:path";
import { parse } from "smol-toml";
import { parseGoDuration } from "../../ground/clock/index.ts";
import { isRecord } from "../../ground/json/index.ts";
import type { TlsSettings } from "./endpoint.ts";
import { RegistryError } from "./errors.ts";

/** The settings of one host in a hosts.toml. */
export type HostEntry = {
  /**
   * Base URL of its API, `https://mirror.example/v2`; undefined for the file's top level if it has no
   * `server`.
   */
  readonly base: string | undefined;
  readonly capabilities: ReadonlySet<string>;
  readonly tls: Partial<TlsSettings>;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly dialTimeoutMs: number | undefined;
};

const hostKeys = ["capabilities", "ca", "client", "skip_verify", "header", "override_path", "dial_timeout"];
const rootKeys = ["server", "host", ...hostKeys];
const knownCapabilities = ["pull", "resolve", "push", "referrers"];

/** The content of a hosts.toml. */
export type HostsFile = {
  readonly entries: readonly HostEntry[];
  /** Unknown keys, such as those of newer versions: `host."https://a".key`. */
  readonly ignored: readonly string[];
};

/**
 * Parses containerd's hosts.toml: the `[host."URL"]` tables in the order of the file, and last the top level,
 * which is the registry itself. Paths are relative to `directory`. Unknown keys are ignored, as in
 * containerd. Any other error makes the file invalid, since ignoring what it says about mirrors and TLS could
 * send requests to other hosts, or without encryption: throws RegistryError InvalidArgument, naming `file`.
 */
export function parseHostsToml(text: string, file: string, directory: string): HostsFile {
  const reader = new HostsReader(file, directory);
  let document: Table;
  try {
    document = parse(text) as Table;
  } catch (cause) {
    throw new RegistryError("InvalidArgument", `${file}: not TOML`, { cause });
  }
  const ignored = [...unknownKeys(document, rootKeys, "")];
  const hosts = document.host === undefined ? {} : reader.table(document.host, "host");
  const mirrors = Object.entries(hosts).map(([url, value]) => {
    const where = `host.${JSON.stringify(url)}`;
    const table = reader.table(value, where);
    ignored.push(...unknownKeys(table, hostKeys, `${where}.`));
    return reader.entry(table, url, `${where}.`);
  });
  const server = document.server === undefined ? undefined : reader.string(document.server, "server");
  return { entries: [...mirrors, reader.entry(document, server === "" ? undefined : server, "")], ignored };
}

function unknownKeys(table: Table, known: readonly string[], prefix: string): readonly string[] {
  return Object.keys(table)
    .filter((key) => !known.includes(key))
    .map((key) => `${prefix}${key}`);
}

type Table = Readonly<Record<string, unknown>>;

class HostsReader {
  readonly #file: string;
  readonly #directory: string;

  constructor(file: string, directory: string) {
    this.#file = file;
    this.#directory = directory;
  }

  fail(key: string, why: string): never {
    throw new RegistryError("InvalidArgument", `${this.#file}: ${key}: ${why}`);
  }

  table(value: unknown, key: string): Table {
    if (!isRecord(value)) this.fail(key, "expected a table");
    return value;
  }

  string(value: unknown, key: string): string {
    return typeof value === "string" ? value : this.fail(key, "expected a string");
  }

  entry(table: Table, url: string | undefined, prefix: string): HostEntry {
    const overridePath = this.#boolean(table.override_path, `${prefix}override_path`) ?? false;
    return {
      base: url === undefined ? undefined : this.#base(url, overridePath, prefix),
      capabilities: this.#capabilities(table.capabilities, `${prefix}capabilities`),
      tls: this.#tls(table, prefix),
      headers: this.#headers(table.header, `${prefix}header`),
      dialTimeoutMs: this.#duration(table.dial_timeout, `${prefix}dial_timeout`),
    };
  }

  /** The API is in /v2 below the path, unless override_path says that the path is already its root. */
  #base(written: string, overridePath: boolean, prefix: string): string {
    const text = /^[a-z]+:\/\//i.test(written) ? written : `https://${written}`;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
      this.fail(
        prefix === "" ? "server" : prefix.slice(0, -1),
        `${JSON.stringify(written)} is not an http or https URL`,
      );
    }
    if (url.username !== "" || url.password !== "" || url.search !== "") {
      this.fail(
        prefix === "" ? "server" : prefix.slice(0, -1),
        "the URL must not contain a user, password or query",
      );
    }
    const path = url.pathname.replace(/\/+$/, "");
    return `${url.origin}${path}${overridePath || path.endsWith("/v2") ? "" : "/v2"}`;
  }

  #capabilities(value: unknown, key: string): ReadonlySet<string> {
    const names = value === undefined ? [] : this.#strings(value, key).map((name) => name.toLowerCase());
    const unknown = names.find((name) => !knownCapabilities.includes(name));
    if (unknown !== undefined) this.fail(key, `unknown capability ${JSON.stringify(unknown)}`);
    return new Set(names.length === 0 ? knownCapabilities : names);
  }

  #tls(table: Table, prefix: string): Partial<TlsSettings> {
    const skipVerify = this.#boolean(table.skip_verify, `${prefix}skip_verify`);
    return {
      ...(table.ca === undefined
        ? {}
        : { caFiles: this.#strings(table.ca, `${prefix}ca`).map((path) => this.#path(path)) }),
      ...(table.client === undefined
        ? {}
        : { clientPairs: this.#clientPairs(table.client, `${prefix}client`) }),
      ...(skipVerify === undefined ? {} : { skipVerify }),
    };
  }

  /** Accepts one file, several files, or several pairs of files. */
  #clientPairs(value: unknown, key: string): TlsSettings["clientPairs"] {
    const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return items.map((item) => {
      const files = this.#strings(item, key).map((path) => this.#path(path));
      const [certificate, keyFile] = files;
      if (certificate === undefined || files.length > 2) this.fail(key, "expected a file or a pair of files");
      return [certificate, keyFile] as const;
    });
  }

  #headers(value: unknown, key: string): Readonly<Record<string, string | readonly string[]>> {
    if (value === undefined) return {};
    const entries = Object.entries(this.table(value, key)).map(([name, header]) => {
      const where = `${key}.${name}`;
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) this.fail(where, "not a header name");
      const values = this.#strings(header, where);
      if (values.some((text) => /[\r\n\0]/.test(text))) this.fail(where, "a header must be a single line");
      return [name.toLowerCase(), values.length === 1 ? (values[0] ?? "") : values] as const;
    });
    return Object.fromEntries(entries);
  }

  #duration(value: unknown, key: string): number | undefined {
    if (value === undefined) return undefined;
    return parseGoDuration(this.string(value, key)) ?? this.fail(key, 'expected a duration such as "30s"');
  }

  #boolean(value: unknown, key: string): boolean | undefined {
    return value === undefined || typeof value === "boolean"
      ? value
      : this.fail(key, "expected true or false");
  }

  #strings(value: unknown, key: string): readonly string[] {
    const items = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    return items.map((item) => this.string(item, key));
  }

  #path(path: string): string {
    return isAbsolute(path) ? path : join(this.#directory, path);
  }
}
