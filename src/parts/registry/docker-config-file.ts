import { randomBytes } from "node:crypto";
import { chown, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { makeDirectories } from "../../ground/directories/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import { askCredentialHelper, eraseFromHelper, storeInHelper } from "./credential-helper.ts";
import { asTable, helperFor, isKeyOf, readConfig, serverKey, type Table } from "./docker-config.ts";
import { RegistryError } from "./errors.ts";

type Pair = { readonly username: string; readonly password: string };

/**
 * Stores credentials for a registry: with the credential helper that the file names for it, otherwise in the
 * file itself. The rest of the file is unchanged. Returns the helper's name. Throws RegistryError.
 */
export async function storeCredentials(file: string, host: string, pair: Pair): Promise<string | undefined> {
  using _lock = await lockConfig(file);
  const config = (await readConfig(file)) ?? {};
  const helper = helperFor(config, host);
  if (helper !== undefined) await storeInHelper(helper, serverKey(host), pair);
  const auth = Buffer.from(`${pair.username}:${pair.password}`, "utf8").toString("base64");
  // As in Docker, credentials that a helper stores have an empty entry.
  const entry = helper === undefined ? { auth } : {};
  await writeConfig(file, { ...config, auths: { ...authsWithout(config, host), [serverKey(host)]: entry } });
  return helper;
}

/** Deletes what {@link storeCredentials} stored; returns false if there was nothing. Throws RegistryError. */
export async function eraseCredentials(file: string, host: string): Promise<boolean> {
  if ((await readConfig(file)) === undefined) return false;
  using _lock = await lockConfig(file);
  const config = (await readConfig(file)) ?? {};
  const auths = authsWithout(config, host);
  const known = Object.keys(auths).length < Object.keys(asTable(config.auths)).length;
  const helper = helperFor(config, host);
  // Most helpers report no error for missing credentials.
  const isKept = helper !== undefined && (await askCredentialHelper(helper, serverKey(host), undefined));
  if (helper !== undefined && isKept) await eraseFromHelper(helper, serverKey(host));
  if (known) await writeConfig(file, { ...config, auths });
  return known || Boolean(isKept);
}

function authsWithout(config: Table, host: string): Table {
  return Object.fromEntries(Object.entries(asTable(config.auths)).filter(([key]) => !isKeyOf(key, host)));
}

const lockTimeoutMs = 30_000;

/**
 * A lock to hold while the file is read and replaced, so that no entry is lost. It is a separate file,
 * because the config file is replaced by a new one each time.
 */
async function lockConfig(file: string): Promise<Disposable> {
  // Loaded only here, since nothing else needs system calls.
  const { lockFile } = await import("../../ground/linux/index.ts");
  try {
    const target = await realpath(file).catch(() => file);
    const directory = dirname(target);
    await makeDirectories(directory, 0o700);
    await using undo = new AsyncDisposableStack();
    const path = join(directory, `.${basename(target)}.lock`);
    const lock = undo.use(await lockFile(path, lockTimeoutMs));
    const owner = await stat(directory);
    // A user who logs in with sudo must later be able to lock it without.
    if (process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
    undo.move();
    return lock;
  } catch (cause) {
    throw new RegistryError("FailedPrecondition", `${file} cannot be locked`, { cause });
  }
}

/** Replaces the file atomically, readable only by its owner; if it is a link, its target. */
async function writeConfig(file: string, config: Table): Promise<void> {
  try {
    await makeDirectories(dirname(file), 0o700);
    const target = await realpath(file).catch(() => file);
    const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}`);
    try {
      await writeFileLike(temporary, target, `${JSON.stringify(config, undefined, "\t")}\n`);
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  } catch (cause) {
    throw new RegistryError("FailedPrecondition", `${file} cannot be written`, { cause });
  }
}

async function writeFileLike(path: string, existing: string, text: string): Promise<void> {
  await using handle = await open(path, "wx", 0o600);
  const owner = await stat(existing).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
    return undefined;
  });
  // A user who logs in with sudo must not lose access to the file.
  if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
  await handle.writeFile(text);
  await handle.sync();
}
