import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatReference, OciFormatError, parseDigest, parseReference, repositoryName } from "./index.ts";

const hex = "0123456789abcdef".repeat(4);

describe("parseReference", () => {
  const familiar: readonly (readonly [string, string])[] = [
    ["busybox", "docker.io/library/busybox:latest"],
    ["busybox:1.36", "docker.io/library/busybox:1.36"],
    ["someone/tool", "docker.io/someone/tool:latest"],
    ["index.docker.io/library/busybox", "docker.io/library/busybox:latest"],
    ["docker.io/busybox", "docker.io/library/busybox:latest"],
    ["localhost/a", "localhost/a:latest"],
    ["127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b:v1"],
    ["[::1]:5000/a", "[::1]:5000/a:latest"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    [`busybox@sha256:${hex}`, `docker.io/library/busybox@sha256:${hex}`],
    [`example.com/a:v1@sha256:${hex}`, `example.com/a:v1@sha256:${hex}`],
    ["example.com/a__b/c-d.e", "example.com/a__b/c-d.e:latest"],
  ];
  for (const [written, meant] of familiar) {
    test(`reads ${written} as ${meant}`, () => {
      assert.equal(formatReference(parseReference(written)), meant);
    });
  }

  test("reads its own output again", () => {
    const reference = parseReference(`example.com:443/a/b:v1@sha256:${hex}`);
    assert.deepEqual(parseReference(formatReference(reference)), reference);
    assert.equal(repositoryName(reference), "example.com:443/a/b");
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /not a repository name/],
    ["Busybox", /not a repository name/],
    ["example.com/A", /not a repository name/],
    ["a//b", /not a repository name/],
    ["../etc/passwd", /not a registry host|not a repository name/],
    ["example.com/../../etc", /not a repository name/],
    ["busybox:", /not a tag/],
    ["busybox:a b", /not a tag/],
    [`busybox:${"x".repeat(129)}`, /not a tag/],
    ["busybox@sha256:12", /invalid digest/],
    [`busybox@sha512:${hex}`, /invalid digest/],
    [`busybox@sha256:${hex.toUpperCase()}`, /invalid digest/],
    ["exa mple.com/a", /not a/],
    ["-host.com/a", /not a registry host/],
    ["host.com:port/a", /not a registry host/],
    ["user@host.com/a", /invalid digest/],
    ["https://example.com/a", /not a URL: leave out "https:\/\/"/],
    ["docker://example.com/a:tag", /not a URL: leave out "docker:\/\/"/],
    ["busybox\n", /not a/],
    ["busybox\0", /not a/],
    [`example.com/${"a".repeat(256)}`, /longer than 255/],
    ["a".repeat(600), /600 characters/],
  ];
  for (const [written, why] of wrong) {
    test(`refuses ${JSON.stringify(written.slice(0, 40))}`, () => {
      assert.throws(
        () => parseReference(written),
        (error) => error instanceof OciFormatError && why.test(error.message),
      );
    });
  }
});

describe("parseDigest", () => {
  test("accepts sha256 in lower-case hex alone", () => {
    assert.equal(parseDigest(`sha256:${hex}`), `sha256:${hex}`);
    for (const text of [
      "",
      hex,
      `sha256:${hex}0`,
      `sha256:${hex.slice(1)}`,
      `md5:${hex}`,
      ` sha256:${hex}`,
      `sha256:${hex}\n`,
    ]) {
      assert.throws(() => parseDigest(text), OciFormatError, JSON.stringify(text));
    }
  });
});
