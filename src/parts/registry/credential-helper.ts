import { type ExecFileException, execFile } from "node:child_process";
import { codeOf } from "../../ground/errors/index.ts";
import { RegistryError } from "./errors.ts";
import type { Credentials } from "./registry.ts";

const timeoutMs = 30_000;
const maxOutputBytes = 1024 * 1024;

/**
 * Gets a server's credentials from `docker-credential-<name> get`, with the protocol of
 * docker-credential-helpers: the server on its standard input, JSON on its standard output. The user name
 * `<token>` means that the secret is an identity token.
 */
export async function askCredentialHelper(
  name: string,
  server: string,
  signal: AbortSignal | undefined,
): Promise<Credentials | undefined> {
  const program = programOf(name);
  const { failure, output } = await run(program, "get", server, signal);
  if (failure !== undefined) {
    if (/credentials not found/i.test(output)) return undefined;
    throw helperError(`${program} get for ${server}`, failure);
  }
  return parse(output, `${program} get for ${server}`);
}

/** `noRoom`: it could not be started, because the machine has no processes, descriptors or memory left. */
type Failure = { readonly why: string; readonly noRoom: boolean };

function failureOf(error: ExecFileException): Failure {
  if (codeOf(error) === "ResourceExhausted")
    return { why: `out of processes, descriptors or memory (${error.code})`, noRoom: true };
  const why = error.killed ? "no answer in time" : (error.code ?? error.name);
  return { why: `failed (${why})`, noRoom: false };
}

/** The message omits its output, which may contain a secret. */
function helperError(what: string, { why, noRoom }: Failure): RegistryError {
  return new RegistryError(noRoom ? "ResourceExhausted" : "FailedPrecondition", `${what}: ${why}`);
}

/** Stores a server's credentials with `docker-credential-<name> store`. */
export async function storeInHelper(
  name: string,
  server: string,
  { username, password }: { readonly username: string; readonly password: string },
): Promise<void> {
  const program = programOf(name);
  const input = JSON.stringify({ ServerURL: server, Username: username, Secret: password });
  const { failure } = await run(program, "store", input, undefined);
  if (failure !== undefined) throw helperError(`${program} store for ${server}`, failure);
}

/** Deletes a server's credentials with `docker-credential-<name> erase`; no error if there are none. */
export async function eraseFromHelper(name: string, server: string): Promise<void> {
  const program = programOf(name);
  const { failure, output } = await run(program, "erase", server, undefined);
  if (failure !== undefined && !/credentials not found/i.test(output))
    throw helperError(`${program} erase for ${server}`, failure);
}

function programOf(name: string): string {
  if (/^[\w.-]+$/.test(name)) return `docker-credential-${name}`;
  throw new RegistryError(
    "InvalidArgument",
    `${JSON.stringify(name)} is not the name of a credential helper`,
  );
}

function run(
  program: string,
  verb: "get" | "store" | "erase",
  input: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly failure: Failure | undefined; readonly output: string }> {
  return new Promise((resolve) => {
    const options = {
      timeout: timeoutMs,
      maxBuffer: maxOutputBytes,
      killSignal: "SIGKILL" as const,
      ...(signal ? { signal } : {}),
    };
    const child = execFile(program, [verb], options, (error, output) => {
      resolve({ failure: error === null ? undefined : failureOf(error), output });
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
