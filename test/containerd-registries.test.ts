import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { status } from "@grpc/grpc-js";
import { containerd } from "../src/ground/protocol/index.ts";
import { digestOf } from "../src/parts/oci/index.ts";
import { hostPlatform } from "../src/services/images/index.ts";
import { startFakeRegistry } from "../src/testing/fake-registry.ts";
import { imageOf, indexOf } from "../src/testing/images.ts";
import { pushImage, startRegistry } from "../src/testing/registry.ts";
import { eventually } from "./support/condition.ts";
import { writeBlob } from "./support/containerd.ts";
import { leftBehind } from "./support/left-behind.ts";
import { imageStore, openStream, packed, registry } from "./support/transfers.ts";
import { withContainerd } from "./support/with-containerd.ts";

const { AuthRequest, AuthResponse, AuthType } = containerd.transferRegistries;
const platform = hostPlatform();
const foreign = { os: "linux", architecture: "s390x" };
const here = containerd.types.Platform.fromPartial(platform);
const unpacks = [{ platform: here, snapshotter: "" }];

/** containerd's clients' name for a part of an image. */
function kindOf(mediaType: string): string {
  return /layer/.test(mediaType) ? "layer" : /config/.test(mediaType) ? "config" : "manifest";
}

/** An image for this machine and another. */
async function twoPlatforms() {
  const layers = ["own", "second"].map((name) => [{ name, content: "here" }]);
  const own = await imageOf({ platform, layers });
  const other = await imageOf({ platform: foreign, layers: [[{ name: "other", content: "elsewhere" }]] });
  return {
    own,
    other,
    index: indexOf([
      [own, platform],
      [other, foreign],
    ]),
  };
}

describe("containerd's API of transfers with registries", () => {
  const host = withContainerd({ config: '[images]\ngc_delay = "0s"' });

  const pull = async (
    namespace: string,
    source: containerd.types.Any,
    destination: containerd.types.Any,
    progressStream = "",
  ) => host.clients.in(namespace).transfer.transfer({ source, destination, options: { progressStream } });

  const digests = async (namespace: string) => {
    const { raw, metadata } = host.clients.in(namespace);
    const pages: containerd.contentV1.ListContentResponse[] = await raw.content
      .list({ filters: [] }, metadata)
      .toArray();
    return pages.flatMap(({ info }) => info.map(({ digest }) => digest)).sort();
  };

  test("a pull gets the image for a platform with the metadata of others, unpacks it, names it, and reports its progress", async () => {
    const { own, other, index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const reference = `${server.host}/app:v1`;
    await using progress = await openStream(host.clients, "pull", "progress");
    const told = progress.progress();
    const store = imageStore({
      name: reference,
      labels: { a: "b" },
      platforms: [here],
      allMetadata: true,
      unpacks,
      extraReferences: [{ name: `${server.host}/app`, isPrefix: true, addDigest: true }],
    });
    await pull("pull", registry(reference), store, "progress");
    const { images, snapshots } = host.clients.in("pull");
    const named = (await images.list({ filters: [] })).images;
    assert.deepEqual(
      named.map(({ name, labels, target }) => [name, { ...labels }, target?.digest]),
      [
        [reference, { a: "b" }, index.target.digest],
        [`${server.host}/app@${index.target.digest}`, { a: "b" }, index.target.digest],
      ],
    );
    const layerOfOther = [...other.blobs.values()].filter(({ mediaType }) => mediaType.includes("layer"));
    assert.equal((await digests("pull")).length, index.blobs.size - layerOfOther.length);
    const { raw, metadata } = host.clients.in("pull");
    const pages = await raw.snapshots.list({ snapshotter: "overlayfs", filters: [] }, metadata).toArray();
    const kept = pages.flatMap(({ info }) => info);
    const layers = [...own.blobs.values()].filter(({ mediaType }) => kindOf(mediaType) === "layer");
    const [base = "", second = ""] = layers.map(({ bytes }) => digestOf(gunzipSync(bytes)));
    const top = digestOf(Buffer.from(`${base} ${second}`));
    const labels = (chainId: string, diffId: string) => ({
      "containerd.io/snapshot.ref": chainId,
      "containerd.io/snapshot/diff-id": diffId,
    });
    assert.deepEqual(Object.fromEntries(kept.map(({ name, labels }) => [name, { ...labels }])), {
      [base]: labels(base, base),
      [top]: { ...labels(top, second), "containerd.io/snapshot/parent-chain-id": base },
    });
    const events = await told;
    assert.ok(events.includes(`fetching image content ${reference}`), events.join("\n"));
    assert.ok(events.includes(`complete manifest-${own.target.digest}`), events.join("\n"));
    assert.ok(events.includes(`saved ${reference}`), events.join("\n"));
    assert.equal(events.at(-1), `Completed pull from OCI Registry (${reference})`);

    // Content that only its names held is collected with them.
    for (const { name } of named) await images.delete({ name, sync: true, target: undefined });
    assert.deepEqual(await digests("pull"), []);
    await assert.rejects(snapshots.stat({ snapshotter: "overlayfs", key: kept[0]?.name ?? "" }), {
      code: status.NOT_FOUND,
    });
  });

  test("an unpacked layer has its diff id in a label, and blobs are announced with their media types", async () => {
    const { own, index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const blobs = [...own.blobs].map(([digest, { mediaType, bytes }]) => ({ digest, mediaType, bytes }));
    const layer = blobs.find(({ mediaType }) => mediaType.includes("layer"));
    const config = blobs.find(({ mediaType }) => mediaType.includes("config"));
    assert.ok(layer !== undefined && config !== undefined);
    const [diffId] = JSON.parse(Buffer.from(config.bytes).toString()).rootfs.diff_ids;
    const { content, raw, metadata } = host.clients.in("labelled");
    const label = async () =>
      (await content.info({ digest: layer.digest })).info?.labels["containerd.io/uncompressed"];
    const events = raw.events.subscribe(
      { filters: ['topic=="/content/create",namespace==labelled'] },
      metadata,
    );
    events.on("error", () => undefined);
    using ended = new DisposableStack();
    ended.defer(() => events.cancel());
    const announced = new Map<string, string>();
    events.on("data", ({ event }: containerd.types.Envelope) => {
      const { digest, mediaType } = containerd.events.ContentCreate.decode(event?.value ?? Buffer.alloc(0));
      announced.set(digest, mediaType);
    });
    let probes = 0;
    await eventually("it listens", async () => {
      await writeBlob(host.clients, "labelled", Buffer.from(`probe ${probes++}`));
      return announced.size > 0;
    });

    const name = `${server.host}/app:v1`;
    await pull("labelled", registry(name), imageStore({ name, platforms: [here] }));
    assert.equal(await label(), undefined);
    await eventually("its blobs are announced", async () =>
      blobs.every(({ digest, mediaType }) => announced.get(digest) === mediaType),
    );
    // From the bytes that are already here.
    await pull("labelled", registry(name), imageStore({ name, platforms: [here], unpacks }));
    assert.equal(await label(), diffId);
    const { images } = host.clients.in("labelled");
    await images.delete({ name, sync: true, target: undefined });
    await pull("labelled", registry(name), imageStore({ name, platforms: [here], unpacks }));
    assert.equal(await label(), diffId);
  });

  test("a pull distinguishes new content from existing content", async () => {
    const { own, index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const reference = `${server.host}/app:v1`;
    const store = imageStore({ name: reference, platforms: [here], unpacks });
    const ends = async (stream: string) => {
      await using progress = await openStream(host.clients, "told", stream);
      const told = progress.progress();
      await pull("told", registry(reference), store, stream);
      const last = new Map((await told).map((line) => [line.split(" ").at(-1), line] as const));
      return [index.target.digest, ...own.blobs.keys()].map(
        (digest) => [...last].find(([key]) => key?.endsWith(digest))?.[1],
      );
    };
    const kinds = ["index", ...[...own.blobs.values()].map(({ mediaType }) => kindOf(mediaType))];
    const expected = (stateOf: (kind: string) => string) =>
      [index.target.digest, ...own.blobs.keys()].map(
        (digest, place) => `${stateOf(kinds[place] ?? "")} ${kinds[place]}-${digest}`,
      );
    assert.deepEqual(
      await ends("first"),
      expected((kind) => (kind === "layer" ? "extracted" : "complete")),
    );
    assert.deepEqual(
      await ends("second"),
      expected(() => "already exists"),
    );
  });

  test("a pull of one platform keeps the content for others, which other names may share", async () => {
    const { index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const reference = `${server.host}/app:v1`;
    const { images } = host.clients.in("several");
    await pull("several", registry(reference), imageStore({ name: "whole" }));
    for (const { os, architecture } of [platform, foreign]) {
      const platforms = [containerd.types.Platform.fromPartial({ os, architecture })];
      await pull("several", registry(reference), imageStore({ name: "part", platforms }));
      await images.delete({ name: "part", sync: true, target: undefined });
      assert.deepEqual(await digests("several"), [...index.blobs.keys()].sort());
    }
  });

  test("a pull of everything gets all platforms, and unpacks only what is requested", async () => {
    const { index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const reference = `${server.host}/app:v1`;
    await pull("whole", registry(reference), imageStore({ name: reference }));
    assert.deepEqual(await digests("whole"), [...index.blobs.keys()].sort());
    const { raw, metadata } = host.clients.in("whole");
    assert.deepEqual(
      await raw.snapshots.list({ snapshotter: "overlayfs", filters: [] }, metadata).toArray(),
      [],
    );
  });

  test("an image pulled into k8s.io is one of CRI's", async () => {
    const { own, index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "cri:v1": index });
    const reference = `${server.host}/cri:v1`;
    await pull("k8s.io", registry(reference), imageStore({ name: reference, platforms: [here], unpacks }));
    const config = [...own.blobs].find(([, { mediaType }]) => mediaType.includes("config"))?.[0];
    const found = await eventually("CRI knows the image", async () => {
      const { image } = await host.berth.clients.images.imageStatus({
        image: {
          image: reference,
          imageRef: "",
          annotations: {},
          userSpecifiedImage: "",
          runtimeHandler: "",
        },
        verbose: false,
      });
      return image;
    });
    assert.equal(found.id, config);
  });

  test("credentials are requested over a stream of the client's", async () => {
    const image = await imageOf({ platform });
    const wanted = `Basic ${Buffer.from("user:secret").toString("base64")}`;
    await using server = await startFakeRegistry({ "closed:v1": image }, ({ headers }, response) => {
      if (headers.authorization === wanted) return false;
      response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
      return true;
    });
    const reference = `${server.host}/closed:v1`;
    await using stream = await openStream(host.clients, "auth", "credentials");
    const source = registry(reference, { authStream: "credentials" });
    const pulled = pull("auth", source, imageStore({ name: reference }));
    const asked = await stream.receive();
    const { host: name, reference: about } = AuthRequest.decode(asked?.value ?? Buffer.alloc(0));
    assert.deepEqual([name, about], [server.host, reference]);
    const answer = { authType: AuthType.CREDENTIALS, username: "user", secret: "secret" };
    stream.send(
      packed("containerd.types.transfer.AuthResponse", AuthResponse, AuthResponse.fromPartial(answer)),
    );
    await pulled;
    await assert.rejects(pull("auth", registry(reference), imageStore({ name: "x" })), {
      code: status.UNAUTHENTICATED,
    });
  });

  test("credentials may be in a header", async () => {
    const image = await imageOf({ platform });
    const headers = {
      basic: `Basic ${Buffer.from("user:se:cret").toString("base64")}`,
      bearer: "Bearer token",
      negotiate: 'Signature keyId="me",signature="a=="',
    };
    for (const [scheme, wanted] of Object.entries(headers)) {
      await using server = await startFakeRegistry({ "closed:v1": image }, ({ headers }, response) => {
        if (headers.authorization === wanted) return false;
        response.writeHead(401, { "www-authenticate": `${scheme} realm="http://127.0.0.1:1/"` }).end();
        return true;
      });
      const reference = `${server.host}/closed:v1`;
      await using stream = await openStream(host.clients, "auth", scheme);
      const pulled = pull(
        "auth",
        registry(reference, { authStream: scheme }),
        imageStore({ name: reference }),
      );
      await stream.receive();
      const answer = { authType: AuthType.HEADER, secret: wanted };
      stream.send(
        packed("containerd.types.transfer.AuthResponse", AuthResponse, AuthResponse.fromPartial(answer)),
      );
      await pulled;
    }
  });

  test("headers are sent with every request to a registry, and to no other host", async () => {
    const image = await imageOf({ platform });
    await using elsewhere = await startFakeRegistry({ "app:v1": image });
    await using server = await startFakeRegistry({ "app:v1": image }, ({ url = "" }, response) => {
      if (url.includes("/blobs/"))
        response.writeHead(307, { location: `http://${elsewhere.host}${url}` }).end();
      return url.includes("/blobs/");
    });
    const name = `${server.host}/app:v1`;
    const headers = { "X-Meta-Team": "blue", "User-Agent": "custom/1" };
    await pull("headers", registry(name, { headers }), imageStore({ name }));
    assert.ok(server.requests.length > 1);
    for (const { headers } of server.requests)
      assert.deepEqual([headers["x-meta-team"], headers["user-agent"]], ["blue", "custom/1"]);
    assert.ok(elsewhere.requests.length > 0);
    for (const { headers } of elsewhere.requests) assert.equal(headers["x-meta-team"], undefined);
  });

  test("a limit of manifests applies to each index, with the requested platforms first", async () => {
    const { own, other, index } = await twoPlatforms();
    await using server = await startFakeRegistry({ "app:v1": index });
    const name = `${server.host}/app:v1`;
    const platforms = [foreign, platform].map((each) => containerd.types.Platform.fromPartial(each));
    await pull("limited", registry(name), imageStore({ name, platforms, manifestLimit: 1 }));
    assert.deepEqual(await digests("limited"), [index.target.digest, ...other.blobs.keys()].sort());
    await pull("limited", registry(name), imageStore({ name, platforms, manifestLimit: 2 }));
    const both = new Set([index.target.digest, ...own.blobs.keys(), ...other.blobs.keys()]);
    assert.deepEqual(await digests("limited"), [...both].sort());
  });

  test("requests to a registry are logged to a stream, without secrets", async () => {
    const image = await imageOf({ platform });
    await using server = await startFakeRegistry({ "app:v1": image });
    const name = `${server.host}/app:v1`;
    await using log = await openStream(host.clients, "logged", "log");
    const said = log.bytes();
    await pull("logged", registry(name, { httpDebug: 1, logsStream: "log" }), imageStore({ name }));
    const text = (await said).toString();
    const base = `http://${server.host}/v2/app`;
    const asked = [
      `manifests/v1`,
      ...[...image.blobs.keys()].filter((digest) => digest !== image.target.digest),
    ];
    for (const what of asked) assert.match(text, new RegExp(`^GET ${base}/\\S*${what} HTTP/1.1$`, "m"));
    assert.match(text, /^HTTP\/1.1 200 OK$/m);
    assert.match(text, /^user-agent: berth/m);

    // A client that does not read it gets its image in any case.
    await using unread = await openStream(host.clients, "logged", "unread");
    assert.equal(unread.acknowledged, "google.protobuf.Empty");
    await pull("logged", registry(name, { httpDebug: 2, logsStream: "unread" }), imageStore({ name: "b" }));
    await host.clients.in("logged").images.get({ name: "b" });
  });

  test("requests to a registry are in the daemon's log, without secrets, if the client names no stream", async () => {
    const image = await imageOf({ platform });
    await using server = await startFakeRegistry({ "app:v1": image });
    const name = `${server.host}/app:v1`;
    await pull("logged", registry(name, { httpDebug: 1 }), imageStore({ name }));
    const log = await host.berth.daemonLog();
    assert.match(log, new RegExp(`"text":"GET http://${server.host}/v2/app/manifests/v1 HTTP/1.1`));
  });

  test("a pull whose client disconnects leaves nothing that is not collected", async () => {
    const image = await imageOf({ platform });
    const blob = Promise.withResolvers<void>();
    await using server = await startFakeRegistry({ "slow:v1": image }, ({ url = "" }) => {
      if (!url.includes("/blobs/")) return false;
      blob.resolve();
      return true;
    });
    const reference = `${server.host}/slow:v1`;
    const { raw, metadata, images } = host.clients.in("cut");
    const request = {
      source: registry(reference),
      destination: imageStore({ name: reference, unpacks }),
      options: undefined,
    };
    const cut = Promise.withResolvers<unknown>();
    const call = raw.transfer.transfer(request, metadata, (error) => cut.resolve(error));
    await blob.promise;
    call.cancel();
    await cut.promise;
    assert.deepEqual(await leftBehind(host.berth, host.clients, "cut"), []);
    assert.deepEqual((await images.list({ filters: [] })).images, []);
  });

  test("a push sends an index with all of its images, or the image for one platform", async () => {
    const { own, index } = await twoPlatforms();
    await using server = await startRegistry();
    await pushImage(server, "app", "v1", index);
    const reference = `${server.host}/app:v1`;
    await pull("push", registry(reference), imageStore({ name: reference }));
    await using progress = await openStream(host.clients, "push", "progress");
    const told = progress.progress();
    const source = imageStore({ name: reference });
    await pull("push", source, registry(`${server.host}/copy:v1`), "progress");
    const target = async (name: string) => {
      const accept = [index.target.mediaType, own.target.mediaType].join(", ");
      const answer = await fetch(`http://${server.host}/v2/${name}/manifests/v1`, { headers: { accept } });
      await answer.arrayBuffer();
      return answer.headers.get("docker-content-digest");
    };
    assert.equal(await target("copy"), index.target.digest);
    const events = await told;
    assert.ok(events.includes(`pushing content ${reference}`), events.join("\n"));
    assert.ok(
      events.some((event) => event.startsWith("complete layer-")),
      events.join("\n"),
    );
    assert.equal(events.at(-1), `Completed push to OCI Registry (${server.host}/copy:v1)`);
    // The source and the destination of a blob are recorded by the registry's name without its port.
    const { content } = host.clients.in("push");
    const label = "containerd.io/distribution.source.127.0.0.1";
    const repositories = (await content.info({ digest: index.target.digest })).info?.labels[label] ?? "";
    assert.deepEqual(repositories.split(",").sort(), ["app", "copy"]);
    await pull("push", imageStore({ name: reference, platforms: [here] }), registry(`${server.host}/one:v1`));
    assert.equal(await target("one"), own.target.digest);
  });

  test("a push of some platforms sends the index with only their images", async () => {
    const { own, other } = await twoPlatforms();
    const third = await imageOf({ platform: { os: "linux", architecture: "riscv64" } });
    const index = indexOf([
      [own, platform],
      [other, foreign],
      [third, { os: "linux", architecture: "riscv64" }],
    ]);
    await using server = await startRegistry();
    await pushImage(server, "app", "v1", index);
    const name = `${server.host}/app:v1`;
    await pull("some", registry(name), imageStore({ name }));
    const send = (tag: string, architectures: readonly string[], progressStream = "") => {
      const platforms = architectures.map((architecture) =>
        containerd.types.Platform.fromPartial({ os: "linux", architecture }),
      );
      const target = registry(`${server.host}/some:${tag}`);
      return pull("some", imageStore({ name, platforms }), target, progressStream);
    };
    // This registry accepts an index only if it has everything that it names.
    await send("third", ["riscv64"]);
    await using progress = await openStream(host.clients, "some", "progress");
    const told = progress.progress();
    await send("both", [platform.architecture, foreign.architecture], "progress");
    const events = await told;
    const brought = (image: typeof own) =>
      [...image.blobs.keys()].some((digest) => events.some((event) => event.endsWith(digest)));
    assert.deepEqual([own, other, third].map(brought), [true, true, false]);
    const answer = await fetch(`http://${server.host}/v2/some/manifests/both`, {
      headers: { accept: index.target.mediaType },
    });
    await answer.arrayBuffer();
    assert.equal(answer.headers.get("docker-content-digest"), index.target.digest);
    await assert.rejects(send("none", [platform.architecture, "ppc64le"]), {
      code: status.NOT_FOUND,
      details: /no manifest for linux\/ppc64le/,
    });
  });

  test("a push whose client disconnects leaves only its source", async () => {
    const image = await imageOf({ platform });
    const uploading = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    await using server = await startFakeRegistry({ "app:v1": image }, (request, response) => {
      const { method = "" } = request;
      if (method === "POST") response.writeHead(202, { location: `/v2/copy/blobs/uploads/1` }).end();
      if (method === "PUT") {
        uploading.resolve();
        request.socket.once("close", () => closed.resolve());
      }
      return method === "POST" || method === "PUT";
    });
    const name = `${server.host}/app:v1`;
    await pull("cut-push", registry(name), imageStore({ name }));
    const { raw, metadata, images } = host.clients.in("cut-push");
    const request = {
      source: imageStore({ name }),
      destination: registry(`${server.host}/copy:v1`),
      options: undefined,
    };
    const cut = Promise.withResolvers<unknown>();
    const call = raw.transfer.transfer(request, metadata, (error) => cut.resolve(error));
    await uploading.promise;
    call.cancel();
    assert.notEqual(await cut.promise, null);
    await closed.promise;
    const left = await leftBehind(host.berth, host.clients, "cut-push");
    assert.deepEqual(left, [...image.blobs.keys()].sort());
    assert.deepEqual(
      (await images.list({ filters: [] })).images.map((each) => each.name),
      [name],
    );
  });

  test("parts of a request that would be ignored are rejected by name", async () => {
    const store = imageStore({ name: "x" });
    const source = (resolver: Parameters<typeof registry>[1]) => registry("127.0.0.1:1/x:1", resolver);
    const refused = async (
      from: containerd.types.Any,
      to: containerd.types.Any,
      code: status,
      details: RegExp,
    ) => await assert.rejects(pull("refusals", from, to), { code, details });
    const { UNIMPLEMENTED, INVALID_ARGUMENT, NOT_FOUND } = status;
    for (const headers of [{ "not a name": "b" }, { Host: "other" }, { a: "one\r\nb: two" }])
      await refused(source({ headers }), store, INVALID_ARGUMENT, /headers/);
    await refused(source({ httpDebug: 1, logsStream: "none" }), store, NOT_FOUND, /none/);
    await refused(source({ defaultScheme: "ftp" }), store, INVALID_ARGUMENT, /"ftp"/);
    await refused(source({ authStream: "none" }), store, NOT_FOUND, /none/);
    await refused(registry("no reference!"), store, INVALID_ARGUMENT, /no reference/);
    const other = imageStore({ name: "x", unpacks: [{ platform: here, snapshotter: "zfs" }] });
    await refused(source({}), other, UNIMPLEMENTED, /"zfs"/);
    await refused(store, source({}), NOT_FOUND, /"x"/);
  });
});
