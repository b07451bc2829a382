import { text } from "node:stream/consumers";
import tls from "node:tls";
import type { Command } from "commander";
import { loadConfig } from "../../../ground/config/index.ts";
import { berthVersion } from "../../../ground/version/index.ts";
import { checkCredentials, storeCredentials } from "../../../parts/registry/index.ts";
import { CliError, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { ask, askHidden } from "../login/ask.ts";
import { authFile, registryHost } from "../login/registries.ts";
import { write } from "../output/write.ts";

type Options = {
  readonly config?: string;
  readonly passwordStdin?: boolean;
  readonly username?: string;
};

const description = `Checks a user name and a password with a registry and stores them for \`berth
pull\`, \`push\` and \`run\`, in the format that docker, podman and skopeo use too: in the
credential helper that docker's config.json names (credsStore, credHelpers), otherwise in that file.
The file is REGISTRY_AUTH_FILE, or config.json in DOCKER_CONFIG or in ~/.docker. A kubelet's pulls
do not use it.`;

const examples = `
Examples:
  berth login registry.example
  berth login -u robot --password-stdin registry.example:5000 < /run/secrets/password
`;

const progressTimeoutMs = 30_000;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[registry]", "host of the registry (default docker.io)")
    .option(
      "--config <file>",
      "berthd's configuration file, for its certs_dirs (default /etc/berth/config.toml)",
    )
    .option("-u, --username <user>", "user name")
    .option("--password-stdin", "read the password from stdin")
    .addHelpText("after", examples)
    .action((registry?: string) => login(registry, command.opts<Options>(), invocation));
}

async function login(registry: string | undefined, options: Options, invocation: Invocation): Promise<void> {
  const { io, signal } = invocation;
  const host = registryHost(registry);
  const file = authFile(io);
  if (file === undefined)
    throw new CliError("FailedPrecondition", "nowhere to store credentials: set HOME or REGISTRY_AUTH_FILE");
  const pair = await readPair(host, options, invocation);
  const { images } = await loadConfig(options.config === undefined ? {} : { file: options.config });
  trustSystem();
  const registryOptions = {
    certsDirs: images.certsDirs,
    dockerConfigFiles: [],
    progressTimeoutMs,
    userAgent: `berth/${berthVersion}`,
    credentials: { kind: "basic", ...pair },
  } as const;
  const answer = await checkCredentials(host, registryOptions, signal);
  const helper = await storeCredentials(file, host, pair);
  if (answer === "anonymous")
    await write(io.stderr, `berth: ${host} requires no credentials: these are stored unchecked\n`);
  if (helper === undefined) await write(io.stderr, `berth: the password is stored unencrypted in ${file}\n`);
  await write(io.stdout, `login to ${host} succeeded\n`);
}

/** Makes this process also trust the machine's certificate authorities, as berthd does, if this Node can. */
function trustSystem(): void {
  if (typeof tls.setDefaultCACertificates !== "function") return;
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), ...tls.getCACertificates("system")]);
}

async function readPair(
  host: string,
  { username, passwordStdin = false }: Options,
  invocation: Invocation,
): Promise<{ readonly username: string; readonly password: string }> {
  const { stdin } = invocation.io;
  if (passwordStdin && username === undefined) throw usageError("--password-stdin needs --username");
  if (!passwordStdin && stdin.isTTY !== true)
    throw usageError("no terminal to ask for the password: use --username and --password-stdin");
  const user = username ?? (await ask(`user name for ${host}: `, invocation));
  const password = passwordStdin
    ? (await text(stdin)).replace(/\r?\n$/, "")
    : await askHidden("password: ", invocation);
  if (user === "" || password === "") throw usageError("user name and password must not be empty");
  if (user.includes(":")) throw usageError("a user name must not contain a colon");
  return { username: user, password };
}
