import { readFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import type { ClientTls, Transport } from "../../streamclient/index.ts";
import { CliError } from "../errors.ts";
import type { ConnectionOptions } from "../options.ts";

/** Options of every command that talks to an endpoint's streaming server. */
export type StreamOptions = ConnectionOptions & {
  readonly transport?: Transport;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
};

/** The streams of a command that the user requested. */
export type InteractiveOptions = {
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly detachKeys?: string;
};

export const defaultDetachKeys = "ctrl-p,ctrl-q";

export function addInteractiveOptions(command: Command): Command {
  return command
    .option("-i, --stdin", "pass our standard input to it")
    .option("-t, --tty", "allocate a terminal")
    .option(
      "--detach-keys <keys>",
      `with -i and -t: keys to detach (default ${defaultDetachKeys}; "" disables)`,
    );
}

const group = "Streaming:";

/** `--transport` selects one of the protocols for exec and attach; port-forward has only one. */
export function addStreamOptions(command: Command, { transport = true } = {}): Command {
  if (transport) {
    command.addOption(
      new Option("--transport <name>", "protocol for the streaming server (default auto)")
        .choices(["auto", "websocket", "spdy"])
        .helpGroup(group),
    );
  }
  const file = (name: string, what: string) =>
    new Option(`--tls-${name} <file>`, `${what}, if the streaming server uses TLS`).helpGroup(group);
  return command
    .addOption(file("ca", "certificates to trust"))
    .addOption(file("cert", "our certificate"))
    .addOption(file("key", "our certificate's key"))
    .addOption(
      new Option(
        "--tls-server-name <host>",
        "server name to verify in its certificate, instead of the URL's host",
      ).helpGroup(group),
    );
}

/** Reads the files that the options name. Throws CliError NotFound. */
export async function readClientTls(options: StreamOptions): Promise<ClientTls> {
  const [ca, cert, key] = await Promise.all([
    readPem(options.tlsCa, "--tls-ca"),
    readPem(options.tlsCert, "--tls-cert"),
    readPem(options.tlsKey, "--tls-key"),
  ]);
  const serverName = options.tlsServerName;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(serverName !== undefined && { serverName }),
  };
}

async function readPem(path: string | undefined, option: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CliError("FailedPrecondition", `${option} ${path} cannot be read`, { cause });
  }
}
