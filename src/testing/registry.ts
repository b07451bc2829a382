import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isIndexType, isManifestType } from "../parts/oci/index.ts";
import type { TestImage } from "./images.ts";
import { tempDir } from "./temp-dir.ts";
import { tokenParty } from "./token-service.ts";

export type RegistrySettings = {
  /** Another one than Debian's `docker-registry`, with the same command line. */
  readonly program?: string;
  /** A line of htpasswd, bcrypt. */
  readonly htpasswd?: string;
  /** Wants tokens of this service, {@link startTokenService}. */
  readonly tokens?: { readonly realm: string; readonly certificateFile: string };
  /** Takes manifests with layers that are not here but at any URL. */
  readonly foreignUrls?: true;
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
};

/** A real registry (docker-registry) on a free loopback port, with a storage of its own. */
export type TestRegistry = AsyncDisposable & {
  /** `127.0.0.1:40123` */
  readonly host: string;
  readonly port: number;
};

/** Starts `docker-registry serve`; resolves when it listens. */
export async function startRegistry(settings: RegistrySettings = {}): Promise<TestRegistry> {
  await using undo = new AsyncDisposableStack();
  const directory = undo.use(await tempDir());
  const config = join(directory.path, "config.yml");
  const htpasswd = join(directory.path, "htpasswd");
  if (settings.htpasswd !== undefined) await writeFile(htpasswd, `${settings.htpasswd}\n`);
  await writeFile(config, configuration(directory.path, htpasswd, settings));
  const child = spawn(settings.program ?? "docker-registry", ["serve", config], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  undo.defer(() => stop(child));
  const port = await listeningPort(child);
  const done = undo.move();
  return { host: `127.0.0.1:${port}`, port, [Symbol.asyncDispose]: () => done.disposeAsync() };
}

function configuration(
  directory: string,
  htpasswd: string,
  { htpasswd: line, tls, tokens, foreignUrls }: RegistrySettings,
): string {
  // JSON is YAML.
  return JSON.stringify({
    version: 0.1,
    log: { level: "info" },
    storage: { filesystem: { rootdirectory: join(directory, "storage") }, delete: { enabled: true } },
    http: {
      addr: "127.0.0.1:0",
      ...(tls === undefined ? {} : { tls: { certificate: tls.certificateFile, key: tls.keyFile } }),
    },
    ...(foreignUrls === undefined ? {} : { validation: { manifests: { urls: { allow: ["^http://"] } } } }),
    ...(line === undefined ? {} : { auth: { htpasswd: { realm: "test", path: htpasswd } } }),
    ...(tokens === undefined ? {} : { auth: { token: tokenAuthentication(tokens) } }),
  });
}

function tokenAuthentication({ realm, certificateFile }: NonNullable<RegistrySettings["tokens"]>): object {
  return { realm, service: tokenParty, issuer: tokenParty, rootcertbundle: certificateFile };
}

async function listeningPort(child: ChildProcess): Promise<number> {
  await once(child, "spawn");
  const said: string[] = [];
  if (child.stderr === null) throw new Error("docker-registry has no stderr");
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    const port = /listening on (?:127\.0\.0\.1|\[::\]):(\d+)/.exec(line)?.[1];
    if (port === undefined) continue;
    child.stderr.resume();
    return Number(port);
  }
  throw new Error(`docker-registry ended: ${said.join("\n")}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** Puts an image into a registry as `repository:tag`, over plain HTTP. */
export async function pushImage(
  registry: TestRegistry,
  repository: string,
  tag: string,
  image: TestImage,
): Promise<void> {
  const base = `http://${registry.host}/v2/${repository}`;
  const isDocument = (type: string): boolean => isManifestType(type) || isIndexType(type);
  for (const [digest, { bytes, mediaType }] of image.blobs) {
    if (isDocument(mediaType)) continue;
    const started = await expectOk(await fetch(`${base}/blobs/uploads/`, { method: "POST" }));
    const location = new URL(started.headers.get("location") ?? "", base);
    location.searchParams.set("digest", digest);
    await expectOk(await fetch(location, { method: "PUT", body: Buffer.from(bytes) }));
  }
  // A registry wants a document's parts before it, which is the order of the blobs.
  for (const [digest, blob] of image.blobs) {
    if (isDocument(blob.mediaType)) await putManifest(base, digest, blob);
  }
  const target = image.blobs.get(image.target.digest);
  if (target !== undefined) await putManifest(base, tag, target);
}

async function putManifest(
  base: string,
  name: string,
  { mediaType, bytes }: { mediaType: string; bytes: Uint8Array },
): Promise<void> {
  const headers = { "content-type": mediaType };
  await expectOk(
    await fetch(`${base}/manifests/${name}`, { method: "PUT", headers, body: Buffer.from(bytes) }),
  );
}

async function expectOk(response: Response): Promise<Response> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return response;
}
