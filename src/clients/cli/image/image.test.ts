import assert from "node:assert/strict";
import { test } from "node:test";
import { id, image, imageId } from "../../../doors/cri/testing/samples.ts";
import { EngineError } from "../../../engines/engine/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";
import type { ImageDetails } from "../../../services/images/index.ts";
import { serveCli } from "../testing/cli.ts";
import { pruneFilters } from "./prune-filters.ts";

const digest = (prefix: string) => parseDigest(`sha256:${id(prefix)}`);
const command = `/bin/sh -c #(nop) ADD file:${"0123456789abcdef".repeat(4)} in / `;
const config = {
  created: "2026-01-02T03:04:05Z",
  architecture: "arm64",
  variant: "v8",
  os: "linux",
  config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
  history: [
    { created: "2026-01-01T03:04:05Z", created_by: command },
    { created: "2026-01-02T03:04:05Z", created_by: "CMD\tsh", empty_layer: true, comment: "by hand" },
  ],
};

/** An image with a layer that its history tells of, and one that it says nothing about. */
function details(changes: Partial<ImageDetails> = {}): ImageDetails {
  return {
    image: image(),
    targets: [image().manifest],
    manifestBytes: Buffer.from("{}"),
    configBytes: Buffer.from(JSON.stringify(config)),
    layers: [
      { digest: digest("aa"), diffId: digest("ab"), unpackedBytes: 1_500_000 },
      { digest: digest("ba"), diffId: digest("bb"), unpackedBytes: undefined },
    ],
    namedAtNs: 1_767_323_045_000_000_000n,
    ...changes,
  };
}

async function serve(changes: Partial<ImageDetails> = {}) {
  const endpoint = await serveCli();
  endpoint.engine.inspect = async () => details(changes);
  return endpoint;
}

test("image inspect shows images in docker's format", async () => {
  await using endpoint = await serve();
  const { status, stdout } = await endpoint.run(["image", "inspect", "one", "other"]);
  assert.equal(status, 0);
  const [shown, ...others] = JSON.parse(stdout);
  assert.equal(others.length, 1);
  assert.equal(shown.Id, imageId);
  assert.deepEqual(shown.RepoTags, ["docker.io/library/busybox:latest"]);
  assert.deepEqual([shown.Os, shown.Architecture, shown.Variant], ["linux", "arm64", "v8"]);
  assert.deepEqual(shown.Config, config.config);
  assert.deepEqual(shown.RootFS, { Type: "layers", Layers: [digest("ab"), digest("bb")] });
  assert.deepEqual([shown.Created, shown.Size, shown.Comment], [config.created, 2_000_000, "by hand"]);
  assert.equal(shown.Metadata.LastTagTime, "2026-01-02T03:04:05.000Z");
});

test("image inspect shows the images that exist, and reports the others", async () => {
  await using endpoint = await serve();
  endpoint.engine.inspect = async (name) => {
    if (name === "none") throw new EngineError("NotFound", "no none");
    return details();
  };
  const { status, stdout, stderr } = await endpoint.run(["image", "inspect", "none", "one"]);
  assert.deepEqual([status, stderr], [3, "berth: no none\n"]);
  assert.equal(JSON.parse(stdout).length, 1);
});

test("image inspect shows an artifact's type and files, and an image for another platform", async () => {
  await using endpoint = await serveCli();
  const manifest = {
    config: { mediaType: "application/vnd.oci.empty.v1+json" },
    layers: [
      {
        ...{ mediaType: "text/plain", digest: digest("aa"), size: 3 },
        annotations: { "org.opencontainers.image.title": "a/b" },
      },
    ],
  };
  const platforms: (string | undefined)[] = [];
  endpoint.engine.inspect = async (_name, platform) => {
    platforms.push(platform?.architecture);
    return details({
      image: image({ id: image().manifest.digest }),
      manifestBytes: Buffer.from(JSON.stringify(manifest)),
    });
  };
  const { stdout } = await endpoint.run(["image", "inspect", "--platform", "linux/arm64", "one"]);
  await endpoint.run(["image", "history", "--platform", "linux/s390x", "one"]);
  assert.deepEqual(platforms, ["arm64", "s390x"]);
  const [{ Artifact }] = JSON.parse(stdout);
  const file = { Title: "a/b", mediaType: "text/plain", digest: digest("aa"), size: 3 };
  assert.deepEqual(Artifact, { Type: "application/vnd.oci.empty.v1+json", Files: [file] });
});

test("image history shows the steps, the last one first, with the size of their layers", async () => {
  await using endpoint = await serve();
  const { stdout } = await endpoint.run(["image", "history", "busybox"]);
  const lines = stdout.trimEnd().split("\n");
  assert.match(lines[0] ?? "", /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/);
  assert.match(lines[1] ?? "", new RegExp(`^${imageId.slice(7, 19)} +- +- +-`));
  assert.match(lines[2] ?? "", /^<missing> +.+ ago +CMD sh +0 B +by hand$/);
  assert.match(lines[3] ?? "", /^<missing> +.+ ago +\/bin\/sh -c #\(nop\) ADD .*… +1\.5 MB +-$/);
  const json = (await endpoint.run(["image", "history", "--no-trunc", "--format", "json", "busybox"])).stdout;
  const rows = json
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    rows.map(({ ID }) => ID),
    [imageId, "<missing>", "<missing>"],
  );
  assert.equal(rows[2].CreatedBy, command);
  assert.equal(rows[2].CreatedAt, "2026-01-01T03:04:05Z");
  const bytes = await endpoint.run(["image", "history", "--no-human", "--format", "json", "busybox"]);
  assert.match(bytes.stdout, /"Size":"1500000"/);
});

test("a configuration that is not JSON is reported as damaged", async () => {
  await using endpoint = await serve({ configBytes: Buffer.from("[") });
  const { status, stderr } = await endpoint.run(["image", "history", "busybox"]);
  assert.equal(status, 1);
  assert.match(stderr, /its configuration is not JSON/);
});

test("image prune asks first, and reports what it removed and its size", async () => {
  await using endpoint = await serveCli();
  const asked: unknown[] = [];
  endpoint.engine.prune = async (request) => {
    asked.push(request);
    return { images: [{ id: imageId, names: ["registry.example/a:1"] }], reclaimedBytes: 2_500_000 };
  };
  for (const stdin of ["", "n\n", "yesno\n"]) {
    const refused = await endpoint.run(["image", "prune"], { stdin });
    assert.deepEqual([refused.status, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /^Remove all images without a tag that no container uses\? \[y\/N\] /);
    assert.match(refused.stderr, /nothing was removed/);
  }
  assert.deepEqual(asked, []);
  const { stdout } = await endpoint.run(["image", "prune"], { stdin: "y\n" });
  assert.equal(
    stdout,
    `untagged: registry.example/a:1\ndeleted: ${imageId}\ntotal reclaimed space: 2.5 MB\n`,
  );
  await endpoint.run([
    "image",
    "prune",
    "-af",
    "--filter",
    "until=2026-01-02T03:04:05Z",
    "--filter",
    "label!=x",
  ]);
  assert.deepEqual(asked, [
    { which: "dangling", labels: [], withoutLabels: [] },
    {
      which: "all",
      labels: [],
      withoutLabels: ["x"],
      namedBeforeNs: 1_767_323_045_000_000_000n,
    },
  ]);
});

test("filters of a prune are only times, durations and labels", () => {
  const before = (text: string) => pruneFilters([`until=${text}`], 10_000_000).namedBefore;
  assert.equal(before("1h"), 6_400_000_000_000n);
  assert.equal(before("1767323045"), 1_767_323_045_000_000_000n);
  assert.equal(before("2026-01-02T03:04:05+00:00"), 1_767_323_045_000_000_000n);
  assert.equal(typeof before("2026-01-02"), "bigint");
  assert.deepEqual(pruneFilters(["label=a=b", "label!=c"], 0), { labels: ["a=b"], withoutLabels: ["c"] });
  for (const filter of ["until=soon", "until!=1h", "dangling=true", "label=", "label"])
    assert.throws(() => pruneFilters([filter], 0), /--filter/);
});

test("these image commands report that they need berthd", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  for (const argv of [
    ["inspect", "a"],
    ["history", "a"],
    ["prune", "-f"],
  ]) {
    const { status, stderr } = await endpoint.run(["image", ...argv]);
    assert.equal(status, 1);
    assert.match(stderr, /needs berthd/);
  }
});
