import { execFile } from "node:child_process";
import { RegistryError } from "./errors.ts";
import type { Credentials } from "./registry.ts";

const timeoutMs = 30_000;
const maxOutputBytes = 1024 * 1024;

/**
 * Asks `docker-credential-<name> get` for a server's credentials: the protocol of docker-credential-helpers, the server on
 * its input, JSON on its output. The user name `<token>` says that the secret is an identity token.
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  signal: AbortSignal | undefined,
): Promise<Credentials | undefined> {
  if (!/^[\w.-]+$/.test(name)) {
    throw new RegistryError(
      "InvalidArgument",
      `${JSON.stringify(name)} is not the name of a credential helper`,
    );
  }
  const program = `docker-credential-${name}`;
  const { failure, output } = await run(program, server, signal);
  if (failure !== undefined) {
    if (/credentials not found/i.test(output)) return undefined;
    // Its output is left out of the message: it may hold a secret.
    throw new RegistryError("FailedPrecondition", `${program} get for ${server}: ${failure}`);
  }
  return parse(output, `${program} get for ${server}`);
}

function run(
  program: string,
  input: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly failure: string | undefined; readonly output: string }> {
  return new Promise((resolve) => {
    const options = {
      timeout: timeoutMs,
      maxBuffer: maxOutputBytes,
      killSignal: "SIGKILL" as const,
      ...(signal ? { signal } : {}),
    };
    const child = execFile(program, ["get"], options, (error, output) => {
      const why =
        error === null ? undefined : error.killed ? "no answer in time" : (error.code ?? error.name);
      resolve({ failure: why === undefined ? undefined : `failed (${why})`, output });
    });
    // A helper that ends without reading its input is judged by its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function parse(output: string, what: string): Credentials | undefined {
  let answer: Readonly<Record<string, unknown>>;
  try {
    answer = JSON.parse(output) as Readonly<Record<string, unknown>>;
  } catch {
    throw new RegistryError("FailedPrecondition", `${what}: its answer is not JSON`);
  }
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== "string" || typeof secret !== "string" || secret === "") return undefined;
  return username === "<token>"
    ? { kind: "identityToken", token: secret }
    : { kind: "basic", username, password: secret };
}
