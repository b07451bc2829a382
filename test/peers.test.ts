import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { nodeCertificates } from "../src/services/peers/testing/certificates.ts";
import { startFakeRegistry } from "../src/testing/fake-registry.ts";
import { imageOf } from "../src/testing/images.ts";
import { TestBerth } from "./support/berth.ts";

type Counts = Readonly<Record<"fetched" | "missed" | "failures" | "served" | "refused", number>>;

/** An unused port, for a daemon whose address others must know before it runs. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  return address.port;
}

async function countsOf(berth: TestBerth): Promise<Counts> {
  const { info } = await berth.clients.runtime.status({ verbose: true });
  return JSON.parse(info.peers ?? "{}");
}

describe("daemons that are each other's peers", () => {
  let directory: string;
  let tokenFile: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-peers-"));
    tokenFile = join(directory, "token");
    await writeFile(tokenFile, "token-of-all-these-nodes", { mode: 0o600 });
  });
  after(() => rm(directory, { recursive: true }));

  const section = (keys: Readonly<Record<string, unknown>>): string =>
    [
      "[images.peers]",
      ...Object.entries(keys).map(([key, value]) => `${key} = ${JSON.stringify(value)}`),
    ].join("\n");

  /** Two daemons, of which the second has pulled the first one's images. */
  const pullTwice = async (
    first: Readonly<Record<string, unknown>>,
    second: Readonly<Record<string, unknown>> = first,
  ) => {
    const image = await imageOf({ layers: [[{ name: "a", content: "a" }], [{ name: "b", content: "b" }]] });
    await using registry = await startFakeRegistry({ "app:v1": image });
    const blobsAsked = () => registry.requests.filter(({ url }) => url.includes("/blobs/")).length;
    const address = `127.0.0.1:${await freePort()}`;
    await using giving = await TestBerth.start({ config: section({ listen: address, ...first }) });
    const reference = `${registry.host}/app:v1`;
    const id = await giving.pull(reference);
    const before = blobsAsked();
    await using asking = await TestBerth.start({ config: section({ from: [address], ...second }) });
    assert.equal(await asking.pull(reference), id);
    const fromRegistry = blobsAsked() - before;
    const [asked, given] = [await countsOf(asking), await countsOf(giving)];
    return { fromRegistry, asked, given };
  };

  test("pull from each other over mutual TLS, and only manifests from the registry", async () => {
    const own = await nodeCertificates(directory, "own");
    const files = { certificate_file: own.certificateFile, key_file: own.keyFile, ca_file: own.caFile };
    const { fromRegistry, asked, given } = await pullTwice(files);
    assert.equal(fromRegistry, 0);
    assert.equal(asked.fetched, 3);
    assert.equal(asked.failures, 0);
    assert.equal(given.served, 3);
  });

  test("pull from each other on loopback with a token", async () => {
    const { fromRegistry, asked } = await pullTwice({ token_file: tokenFile });
    assert.equal(fromRegistry, 0);
    assert.equal(asked.fetched, 3);
  });

  test("send nothing to one without the right token, which pulls from the registry", async () => {
    const other = join(directory, "other");
    await writeFile(other, "token-of-somebody-else", { mode: 0o600 });
    const { fromRegistry, asked, given } = await pullTwice({ token_file: tokenFile }, { token_file: other });
    assert.equal(fromRegistry, 3);
    assert.equal(asked.fetched, 0);
    assert.equal(asked.failures, 1);
    assert.equal(given.served, 0);
    assert.equal(given.refused, 1);
  });
});

test("a daemon that would send blobs to anybody does not start", async () => {
  const config = '[images.peers]\nlisten = "0.0.0.0:0"';
  await assert.rejects(TestBerth.start({ config }), /images\.peers: needs token_file, or certificate_file/);
});
