import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { artifactOf } from "../../testing/artifacts.ts";
import { startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, indexOf } from "../../testing/images.ts";
import { pushImage, startRegistry } from "../../testing/registry.ts";
import { mediaType } from "../oci/index.ts";
import { createRegistry } from "./index.ts";
import { referenceTo, testOptions } from "./testing/options.ts";

const wantedType = "application/vnd.example.signature";
const subject = (await imageOf()).target.digest;
const artifact = artifactOf({ artifactType: wantedType, layers: [] });
const entry = (artifactType?: string) => ({
  ...artifact.target,
  ...(artifactType === undefined ? {} : { artifactType }),
});
const listOf = (...manifests: readonly object[]): string =>
  JSON.stringify({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests });

describe("the referrers of a manifest", () => {
  test("are read page by page from a registry with the API, whether it filters or not", async () => {
    const others = [entry("application/vnd.example.other"), entry()];
    await using server = await startFakeRegistry({}, (request, response) => {
      const url = new URL(request.url ?? "", "http://registry");
      if (!url.pathname.startsWith("/v2/app/referrers/")) return false;
      const isFirst = !url.searchParams.has("page");
      const link = `<${url.pathname}?page=2>; rel="next"`;
      response.writeHead(200, { "content-type": mediaType.ociIndex, ...(isFirst ? { link } : {}) });
      response.end(isFirst ? listOf(entry(wantedType)) : listOf(...others));
      return true;
    });
    await using registry = createRegistry(testOptions());
    const found = await registry.listReferrers(referenceTo(server, "app:v1"), subject, wantedType);
    assert.deepEqual(found, [entry(wantedType), entry()]);
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      [
        `/v2/app/referrers/${subject}?artifactType=${encodeURIComponent(wantedType)}`,
        `/v2/app/referrers/${subject}?page=2`,
      ],
    );
  });

  test("are not read endlessly, nor from another host", async () => {
    let pages = 0;
    const many = Array.from({ length: 600 }, () => entry(wantedType));
    const page = [...many, ...many];
    const lists: Readonly<Record<string, readonly object[]>> = { many, page, tag: page };
    await using server = await startFakeRegistry({}, (request, response) => {
      if (request.url?.startsWith("/v2/tag/referrers/") === true) return false;
      const isOther = request.url?.startsWith("/v2/other/") === true;
      const link = isOther ? '<http://127.0.0.1:1/list>; rel="next"' : `<?page=${++pages}>; rel="next"`;
      const [, , name = ""] = request.url?.split("/") ?? [];
      response
        .writeHead(200, { "content-type": mediaType.ociIndex, link })
        .end(listOf(...(lists[name] ?? [])));
      return true;
    });
    await using registry = createRegistry(testOptions());
    assert.deepEqual(await registry.listReferrers(referenceTo(server, "other:v1"), subject, wantedType), []);
    for (const [name, most] of [
      ["endless", 16],
      ["many", 2],
      ["page", 1],
      ["tag", 1],
    ] as const) {
      pages = 0;
      await assert.rejects(registry.listReferrers(referenceTo(server, `${name}:v1`), subject, wantedType), {
        code: "ResourceExhausted",
        message: /has too many referrers/,
      });
      assert.equal(pages, most);
    }
  });

  test("are read from their tag if the registry lacks the API, and empty without the tag", async () => {
    await using server = await startRegistry();
    await using registry = createRegistry(testOptions());
    const reference = referenceTo(server, "app:v1");
    assert.deepEqual(await registry.listReferrers(reference, subject, wantedType), []);
    const list = indexOf([[artifact, { os: "", architecture: "" }]]);
    await pushImage(server, "app", subject.replace(":", "-"), list);
    const found = await registry.listReferrers(reference, subject, wantedType);
    assert.deepEqual(
      found.map(({ digest }) => digest),
      [artifact.target.digest],
    );
  });
});
