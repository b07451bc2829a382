import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { smallDisk } from "../../testing/small-disk.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { PeerAddresses, PeerServer, Peers, readPeerSettings } from "../peers/index.ts";
import { openStack, type StackOptions, type TestStack } from "./testing/stack.ts";

const logger = createLogger({ level: "fatal", format: "json" });
const content = "from another node";
const image = await imageOf({
  layers: [[{ name: "file", content }], [{ name: "big", content: randomBytes(500_000) }]],
});

/** A node that asks this one; its token is that of all. */
async function startNode(
  of: { readonly tokenFile: string; readonly port: number },
  options: StackOptions = {},
): Promise<{ readonly stack: TestStack; readonly peers: Peers }> {
  const { access } = await readPeerSettings(settingsOf(of.tokenFile));
  const addresses = new PeerAddresses([`127.0.0.1:${of.port}`], logger);
  const peers = new Peers(access, addresses, undefined, logger);
  return { stack: await openStack({ ...options, peers }), peers };
}

/** Has other nodes get what one has. */
async function serve({ content }: TestStack, tokenFile: string): Promise<PeerServer> {
  const { server: serving } = await readPeerSettings(settingsOf(tokenFile));
  assert.ok(serving);
  const find = (digest: Parameters<typeof content.path>[0]) =>
    content.has(digest) ? { path: content.path(digest), size: content.info(digest).sizeBytes } : undefined;
  return await PeerServer.start(serving, find, logger);
}

function settingsOf(tokenFile: string) {
  const none = { certificateFile: "", keyFile: "", caFile: "", serverName: "" };
  return { ...none, listen: "127.0.0.1:0", from: [], tokenFile, maxUploads: 4, timeoutMs: 5000 };
}

async function makeToken(directory: string): Promise<string> {
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, "token-of-all-these-nodes", { mode: 0o600 });
  return tokenFile;
}

/** What a registry was asked for that is no manifest. */
const blobsAsked = ({ requests }: { readonly requests: readonly { readonly url: string }[] }) =>
  requests.filter(({ url }) => url.includes("/blobs/")).length;

const readFileOf = async (stack: TestStack, pulled: Awaited<ReturnType<TestStack["images"]["pull"]>>) => {
  return await stack.inRootfs(pulled, (root) => readFile(join(root, "file"), "utf8"));
};

test("layers and configs come from a peer that has them, and manifests only from the registry", async () => {
  await using directory = await tempDir();
  const tokenFile = await makeToken(directory.path);
  await using registry = await startFakeRegistry({ "app:v1": image });
  await using first = await openStack();
  const reference = `${registry.host}/app:v1`;
  const credentials = { kind: "basic", username: "someone", password: "secret" } as const;
  await first.images.pull({ reference, credentials });
  const before = blobsAsked(registry);
  await using server = await serve(first, tokenFile);
  const { stack, peers } = await startNode({ tokenFile, port: server.port });
  await using second = stack;
  const pulled = await second.images.pull({ reference, credentials });
  assert.equal(await readFileOf(second, pulled), content);
  assert.equal(blobsAsked(registry), before);
  assert.ok(registry.requests.filter(({ url }) => url.includes("/manifests/")).length >= 2);
  assert.deepEqual(
    { ...peers.counts, fetchedBytes: 0 },
    { fetched: 3, fetchedBytes: 0, missed: 0, failures: 0 },
  );
});

test("a layer from a peer is stopped before it uses reserved disk space", async () => {
  await using directory = await tempDir();
  await using disk = await smallDisk(64 << 20);
  const tokenFile = await makeToken(directory.path);
  const layers = [[{ name: "large", content: Buffer.alloc(24 << 20, "any") }]];
  const large = await imageOf({ layers, compression: "none" });
  await using registry = await startFakeRegistry({ "app:large": large });
  await using first = await openStack();
  const reference = `${registry.host}/app:large`;
  await first.images.pull({ reference });
  await using server = await serve(first, tokenFile);
  const layerLimits = { maxBytes: 0, maxFiles: 0, minFreePercent: 80 };
  const { stack } = await startNode(
    { tokenFile, port: server.port },
    { layerLimits, root: join(disk.path, "root") },
  );
  await using second = stack;
  const before = blobsAsked(registry);
  await assert.rejects(second.images.pull({ reference }), {
    code: "ResourceExhausted",
    message: /^blob sha256:[0-9a-f]+ is too large for this machine: .* 80% of it/,
  });
  assert.equal(blobsAsked(registry), before);
  assert.deepEqual(await second.content.ingests(), []);
});

test("a peer that lies or stalls only costs time: the registry is asked", async () => {
  for (const kind of ["lies", "stalls"] as const) {
    await using directory = await tempDir();
    const tokenFile = await makeToken(directory.path);
    await using registry = await startFakeRegistry({ "app:v1": image });
    const shown: string[] = [];
    const peer = createServer((request, response) => {
      shown.push(JSON.stringify(request.headers));
      const digest = (request.url ?? "").split("/").at(-1) as Parameters<TestImage["blobs"]["get"]>[0];
      const blob = image.blobs.get(digest);
      response.writeHead(200, { "content-length": blob?.bytes.length ?? 0 });
      if (request.method === "HEAD") response.end();
      else if (kind === "lies") response.end(randomBytes(blob?.bytes.length ?? 0));
      else response.write(blob?.bytes.subarray(0, 10) ?? "");
    });
    peer.listen(0, "127.0.0.1");
    await once(peer, "listening");
    try {
      const { port } = peer.address() as AddressInfo;
      const { stack, peers } = await startNode({ tokenFile, port });
      await using node = stack;
      const credentials = { kind: "basic", username: "someone", password: "secret" } as const;
      const pulled = await node.images.pull({ reference: `${registry.host}/app:v1`, credentials });
      assert.equal(await readFileOf(node, pulled), content);
      // The first failure drops it, and all that follows goes to the registry at once.
      assert.equal(peers.counts.failures, 1);
      assert.equal(peers.counts.fetched, 0);
      const given = shown.join();
      assert.ok(given.includes("Bearer token-of-all-these-nodes"));
      assert.ok(
        !given.includes("secret") && !given.includes(Buffer.from("someone:secret").toString("base64")),
      );
    } finally {
      peer.close();
      peer.closeAllConnections();
    }
  }
});
