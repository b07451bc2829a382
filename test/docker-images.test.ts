import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { type AuthConfig, ImageSpec, PullImageRequest } from "../src/ground/protocol/index.ts";
import { pushImage, startRegistry, type TestRegistry } from "../src/testing/registry.ts";
import { TestBerth } from "./support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { cliOutput } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";

/** "me" with the password "hush". */
const htpasswd = "me:$2b$04$mEP8ifnWEQrhjIl.ZWjkb.cqaC2aNzXxAqG33k2m7dMOS0s6yKNNi";

/** Images of a Docker Engine, with CRI's names and ids. */
describe("images of the Docker engine", () => {
  let berth: TestBerth;
  let registry: TestRegistry & { readonly image: string };

  before(async () => {
    registry = await startBusyboxRegistry();
    berth = await TestBerth.start({ engine: "docker" });
  });

  after(async () => {
    await using _registry = registry;
    await berth?.[Symbol.asyncDispose]();
  });

  const pull = async (image: string, auth?: Partial<AuthConfig>) => {
    const request = PullImageRequest.fromPartial({ image: { image }, ...(auth !== undefined && { auth }) });
    return (await berth.clients.images.pullImage(request)).imageRef;
  };
  const statusOf = async (image: string) =>
    (await berth.clients.images.imageStatus({ image: ImageSpec.fromPartial({ image }), verbose: false }))
      .image;

  it("are pulled with credentials of any length", async () => {
    await using guarded = await startRegistry({ htpasswd });
    const image = `${guarded.host}/private:latest`;
    const wrong = { username: "me", password: "loud", serverAddress: guarded.host };
    for (const auth of [undefined, wrong])
      await assert.rejects(pull(image, auth), /UNAUTHENTICATED.*private/);
    for (const serverAddress of ["", "http://", "https://"].map((scheme) => `${scheme}${guarded.host}`))
      await assert.rejects(
        pull(image, { username: "me", password: "hush", serverAddress }),
        /NOT_FOUND.*private/,
      );
  });

  it("fail with the reason if a registry does not answer, or the engine ends during a pull", async () => {
    await using silent = await SilentRegistry.start();
    const cut = assert.rejects(
      pull(`${silent.host}/x:latest`),
      /UNAVAILABLE.*Docker Engine.*does not answer/,
    );
    await silent.asked();
    await berth.docker?.stop("SIGKILL");
    await cut;
    await berth.docker?.start();
    await eventually("the engine is there again", async () => {
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady")?.status;
    });
    await assert.rejects(
      pull("127.0.0.1:1/x:latest"),
      /RegistryUnavailable: pull of 127\.0\.0\.1:1\/x:latest/,
    );
  });

  it("are found by tag, digest, both and id, and are removed with all their names", async () => {
    const id = await pull(registry.image);
    const [digestName = ""] = (await statusOf(id))?.repoDigests ?? [];
    const digest = digestName.slice(digestName.indexOf("@"));
    assert.equal(await pull(digestName), id);
    assert.equal(await pull(`${registry.image}${digest}`), id);
    await pushImage(registry, "other", "v1", await busyboxImage());
    assert.equal(await pull(`${registry.host}/other:v1`), id);
    for (const name of [registry.image, digestName, `${registry.image}${digest}`, id, id.slice(7, 20)])
      assert.equal((await statusOf(name))?.id, id, name);
    const image = await statusOf(id);
    assert.deepEqual(image?.repoTags.toSorted(), [registry.image, `${registry.host}/other:v1`].toSorted());
    await berth.clients.images.removeImage({ image: ImageSpec.fromPartial({ image: digestName }) });
    for (const name of [registry.image, digestName, `${registry.host}/other:v1`, id])
      assert.equal(await statusOf(name), undefined, name);
    // Removing it again is not an error.
    await berth.clients.images.removeImage({ image: ImageSpec.fromPartial({ image: digestName }) });
  });

  it("are counted once in what their file system holds, whatever they share", async (t) => {
    if (((await berth.docker?.apiMinor()) ?? 0) < 42)
      return t.skip("older engines do not say what is shared");
    const shared = { name: "shared", content: "x".repeat(1_000_000) };
    for (const name of ["one", "two"]) {
      const layers = [[shared], [{ name, content: name }]];
      await pushImage(registry, name, "latest", await busyboxImage({ layers }));
      await pull(`${registry.host}/${name}:latest`);
    }
    const { images } = await berth.clients.images.listImages({ filter: undefined });
    const sum = images.reduce((total, { size }) => total + size, 0n);
    const { imageFilesystems } = await berth.clients.images.imageFsInfo({});
    const used = imageFilesystems[0]?.usedBytes?.value ?? 0n;
    assert.ok(used > 1_000_000n && used <= sum - 1_000_000n, `${used} of ${sum}`);
  });

  it("keep their names while a container outside of pods uses them, running or not", async () => {
    const image = await pull(registry.image);
    const body = { Image: registry.image, Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } };
    const id = (await berth.docker?.run(body)) ?? "";
    const remove = () => berth.clients.images.removeImage({ image: ImageSpec.fromPartial({ image }) });
    const refused = new RegExp(`FAILED_PRECONDITION.*is used by container .*${id}.*not a pod's`);
    await assert.rejects(remove(), refused);
    await berth.docker?.request("POST", `/containers/${id}/kill`);
    await assert.rejects(remove(), refused);
    assert.equal((await statusOf(registry.image))?.id, image);
    await cliOutput(berth, "image", "prune", "--all", "--force");
    assert.equal((await statusOf(registry.image))?.id, image);
    await berth.docker?.request("DELETE", `/containers/${id}`);
    await remove();
    assert.equal(await statusOf(image), undefined);
  });

  it("are removed even while a container that uses them runs, which keeps running", async () => {
    const image = await pull(registry.image);
    const pod = await TestPod.run(berth, "used");
    const containerId = await pod.shell("main", registry.image, "exec sleep 1000");
    await berth.clients.images.removeImage({ image: ImageSpec.fromPartial({ image }) });
    assert.equal(await statusOf(registry.image), undefined);
    assert.equal(await execSync(berth, containerId, "echo", "alive"), "alive\n");
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});

/** Accepts connections and never replies. */
class SilentRegistry implements AsyncDisposable {
  readonly host: string;
  readonly #server: Server;
  readonly #connected: Promise<unknown>;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.host = `127.0.0.1:${port}`;
    this.#connected = once(server, "connection");
    server.on("connection", (socket) => socket.on("error", () => undefined).resume());
  }

  static async start(): Promise<SilentRegistry> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new SilentRegistry(server, (server.address() as AddressInfo).port);
  }

  async asked(): Promise<void> {
    await this.#connected;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
  }
}
