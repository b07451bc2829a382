/** What unmodified programs leave behind when they are killed during a pull, an import or a push. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import { startFakeRegistry } from "../../src/testing/fake-registry.ts";
import { imageOf } from "../../src/testing/images.ts";
import { clientProgram } from "../support/client-programs.ts";
import { eventually } from "../support/condition.ts";
import { ContainerdClients } from "../support/containerd.ts";
import { leftBehind } from "../support/left-behind.ts";
import { withClients } from "../support/with-clients.ts";

describe("a client that is killed", () => {
  const host = withClients();
  let clients: ContainerdClients;
  before(() => {
    clients = new ContainerdClients(host.berth.socket);
  });
  after(() => clients?.[Symbol.dispose]());

  const run = (program: string, ...args: readonly string[]): ChildProcess => {
    const { ctrArguments, nerdctlArguments, berth, namespace } = host.programs;
    const own: Readonly<Record<string, readonly string[]>> = {
      ctr: ctrArguments,
      nerdctl: nerdctlArguments,
      goclient: [berth.socket, namespace],
    };
    const home = host.programs.path("home");
    return spawn(clientProgram(program), [...(own[program] ?? []), ...args], {
      env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home },
      stdio: ["pipe", "ignore", "ignore"],
    });
  };
  const kill = async (child: ChildProcess) => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };

  /**
   * What a client's own lease protects is collected when the lease expires; here, the lease is deleted at
   * once.
   */
  async function endLeases(): Promise<void> {
    const { leases } = clients.in(host.programs.namespace);
    // The daemon may end its own leases at the same time.
    for (const { id } of (await leases.list({ filters: [] })).leases)
      await leases.delete({ id, sync: false }).catch(() => undefined);
  }
  const left = () => leftBehind(host.berth, clients, host.programs.namespace);
  /** An ingest stays for a day, so that the next client that writes the blob can resume it. */
  const leftBlobs = async () => (await left()).filter((each) => /^sha\d+:/.test(each));

  /** A registry that never answers requests that match `stalls`, and a promise for the first such request. */
  async function stalling(stalls: (request: IncomingMessage) => boolean) {
    const stalled = Promise.withResolvers<void>();
    const image = await imageOf();
    let goes = false;
    const intercept = (request: IncomingMessage, response: ServerResponse) => {
      if (request.method === "POST") {
        response.writeHead(202, { location: "/v2/copy/blobs/uploads/1" }).end();
        return true;
      }
      if (goes || !stalls(request)) return false;
      stalled.resolve();
      return true;
    };
    const server = await startFakeRegistry({ "app:v1": image }, intercept);
    const go = () => {
      goes = true;
    };
    return { server, image, name: `${server.host}/app:v1`, stalled: stalled.promise, go };
  }

  const pulls = {
    "ctr images pull": ["ctr", "images", "pull", "--plain-http"],
    "ctr images pull --local": ["ctr", "images", "pull", "--local", "--plain-http"],
    "nerdctl pull": ["nerdctl", "--insecure-registry", "pull", "-q"],
    "a pull of containerd's client library": ["goclient", "pull"],
  } as const;
  for (const [how, [program, ...args]] of Object.entries(pulls))
    it(`leaves nothing of ${how}`, async () => {
      const { server, name, stalled, go } = await stalling(({ url = "" }) => url.includes("/blobs/"));
      await using _server = server;
      const client = run(program, ...args, name);
      await stalled;
      await kill(client);
      await endLeases();
      assert.deepEqual(await leftBlobs(), []);
      go();
      const again = run(program, ...args, name);
      assert.deepEqual(await once(again, "exit"), [0, null]);
      await host.programs.ctr("images", "rm", "--sync", name);
      assert.deepEqual(await left(), []);
    });

  const pushes = {
    "ctr images push": (name: string, copy: string) => [
      ...["ctr", "images", "push", "--plain-http", copy, name],
    ],
    "ctr images push --local": (name: string, copy: string) => [
      ...["ctr", "images", "push", "--local", "--plain-http", copy, name],
    ],
    "a push of containerd's client library": (name: string, copy: string) => ["goclient", "push", name, copy],
  } as const;
  for (const [how, command] of Object.entries(pushes))
    it(`leaves nothing but the image of ${how}`, async () => {
      const { server, image, name, stalled } = await stalling(({ method }) => method === "PUT");
      await using _server = server;
      await host.programs.ctr("images", "pull", "--plain-http", name);
      const [program = "", ...args] = command(name, `${server.host}/copy:v1`);
      const client = run(program, ...args);
      await stalled;
      await kill(client);
      await endLeases();
      assert.deepEqual(await left(), [...image.blobs.keys()].sort());
      await host.programs.ctr("images", "rm", "--sync", name);
      assert.deepEqual(await left(), []);
    });

  for (const way of [[], ["--local"]])
    it(`leaves nothing of ${["ctr images import", ...way].join(" ")}`, async () => {
      const part = await partOfArchive();
      const client = run("ctr", "images", "import", ...way, "-");
      try {
        client.stdin?.write(part);
        const { content } = clients.in(host.programs.namespace);
        const isAtWork = async () =>
          way.length === 0
            ? client.stdin?.writableLength === 0
            : (await content.listStatuses({ filters: [] })).statuses.length > 0;
        await eventually("some of it has come", isAtWork);
      } finally {
        await kill(client);
      }
      await endLeases();
      assert.deepEqual(await leftBlobs(), []);
    });

  /** An archive of an image that ends in the middle of its largest blob. */
  async function partOfArchive(): Promise<Buffer> {
    const { server, image, name } = await stalling(() => false);
    await using _server = server;
    const path = host.programs.path("killed.tar");
    await host.programs.ctr("images", "pull", "--plain-http", name);
    await host.programs.ctr("images", "export", path, name);
    await host.programs.ctr("images", "rm", "--sync", name);
    const archive = await readFile(path);
    const blobs = [...image.blobs.values()].map(({ bytes }) => bytes);
    const largest = blobs.reduce((one, other) => (other.length > one.length ? other : one));
    return archive.subarray(0, archive.indexOf(largest) + largest.length / 2);
  }
});
