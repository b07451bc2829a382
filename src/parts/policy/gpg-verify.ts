import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { PolicyError } from "./policy-error.ts";

const timeoutMs = 10_000;
/** A payload has some hundred bytes; the format itself does not limit the decompressed size. */
const maxContentBytes = 64 * 1024;
const maxStatusBytes = 64 * 1024;

/**
 * Returns the content of an OpenPGP signed message if one of the keys of `keyrings` has signed it, and
 * neither key nor signature has expired or been revoked; otherwise undefined. Starts gpgv. Throws PolicyError
 * FailedPrecondition if gpgv is missing, and the signal's reason.
 */
export async function verifyByGpg(
  message: Uint8Array,
  keyrings: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const directory = await mkdtemp(join(tmpdir(), "berth-gpgv-"));
  try {
    const files = await Promise.all(
      keyrings.map(async (keyring, index) => {
        const file = join(directory, `keys-${index}.gpg`);
        await writeFile(file, dearmored(keyring), { mode: 0o600 });
        return file;
      }),
    );
    const said = await runGpgv(directory, files, message, signal);
    return said !== undefined && isGood(said.status) ? said.content : undefined;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/**
 * gpgv prints the content whether the signature is good or not; its verdict arrives on another descriptor.
 * Undefined if that is longer than for a signature.
 */
async function runGpgv(
  directory: string,
  keyrings: readonly string[],
  message: Uint8Array,
  signal: AbortSignal,
): Promise<{ readonly status: string; readonly content: Buffer } | undefined> {
  const args = ["--homedir", directory, "--weak-digest", "SHA1", "--status-fd", "3", "--output", "-"];
  const rings = keyrings.flatMap((file) => ["--keyring", file]);
  const child = spawn("gpgv", [...args, ...rings, "-"], {
    stdio: ["pipe", "pipe", "ignore", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    signal,
  });
  const failed = once(child, "error").then(([error]) => {
    signal.throwIfAborted();
    throw new PolicyError("FailedPrecondition", `cannot run gpgv to check a signature: ${error.message}`);
  });
  const { stdin: input, stdout: output } = child;
  const statusPipe = child.stdio[3];
  if (input === null || output === null || !(statusPipe instanceof Readable))
    throw new PolicyError("Internal", "gpgv was started without its pipes");
  // A gpgv that ends without reading everything is judged by its status output.
  input.on("error", () => undefined);
  input.end(message);
  const answers = Promise.all([readAtMost(output, maxContentBytes), readAtMost(statusPipe, maxStatusBytes)]);
  try {
    const [content, status] = await Promise.race([answers, failed]);
    return content === undefined || status === undefined
      ? undefined
      : { status: status.toString("utf8"), content };
  } finally {
    child.kill("SIGKILL");
  }
}

/** Reads a whole stream; closes a longer one and returns undefined. */
async function readAtMost(stream: Readable, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Whether there is exactly one signature, and it is good; see "doc/DETAILS" of GnuPG. */
function isGood(status: string): boolean {
  const keywords = status
    .split("\n")
    .filter((line) => line.startsWith("[GNUPG:] "))
    .map((line) => line.split(" ")[1] ?? "");
  const count = (...wanted: string[]): number => keywords.filter((word) => wanted.includes(word)).length;
  const bad = count(
    "BADSIG",
    "ERRSIG",
    "EXPSIG",
    "EXPKEYSIG",
    "REVKEYSIG",
    "NODATA",
    "UNEXPECTED",
    "FAILURE",
  );
  return count("GOODSIG") === 1 && count("VALIDSIG") === 1 && count("PLAINTEXT") === 1 && bad === 0;
}

/** The packets of a key file, armoured (RFC 9580, section 6) or not. */
function dearmored(file: Uint8Array): Buffer {
  const text = Buffer.from(file).toString("latin1");
  const begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  if (!text.includes(begin)) return Buffer.from(file);
  return Buffer.concat(text.split(begin).slice(1).map(packetsOf));
}

/**
 * The packets of an armoured block. Headers end with an empty line; the checksum after the packets has its
 * own line, which begins with `=`.
 */
function packetsOf(block: string): Buffer {
  const lines = (block.split("-----END")[0] ?? "").split("\n").map((line) => line.trim());
  const start = lines.indexOf("", 1);
  const body = lines.slice(start + 1).filter((line) => !line.startsWith("="));
  return Buffer.from(body.join(""), "base64");
}
