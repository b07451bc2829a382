import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { messageOf } from "../../ground/errors/index.ts";
import { type FakeRegistry, type Misbehaviour, startFakeRegistry } from "../../testing/fake-registry.ts";
import { imageOf, type TestImage } from "../../testing/images.ts";
import { type Descriptor, mediaType, parseDigest } from "../oci/index.ts";
import { createRegistry, RegistryError } from "./index.ts";
import type { RegistryOptions } from "./registry.ts";
import { collect, referenceTo, testOptions } from "./testing/options.ts";

const content = Buffer.alloc(300_000, "0123456789");

async function largeImage(): Promise<{
  readonly image: TestImage;
  readonly layer: Descriptor;
  readonly bytes: Uint8Array;
}> {
  const image = await imageOf({ layers: [[{ name: "large", content }]], compression: "none" });
  for (const [digest, { bytes, mediaType: type }] of image.blobs) {
    if (type === mediaType.ociLayer)
      return { image, layer: { mediaType: type, digest, size: bytes.length }, bytes };
  }
  throw new Error("no layer");
}

function isBlob(url: string | undefined): boolean {
  return url?.includes("/blobs/") === true;
}

/** Sends the first bytes of a body that is announced to be longer, then drops the connection. */
function breakOff(
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Record<string, string | number>,
  status = 200,
): true {
  response.writeHead(status, headers);
  response.write(bytes, () => response.destroy());
  return true;
}

async function fetchLayer(
  misbehave: (layer: Uint8Array) => Misbehaviour,
  options: Partial<RegistryOptions> = {},
  offset = 0,
): Promise<{
  result: Awaited<ReturnType<typeof collect>> | RegistryError;
  server: FakeRegistry;
  bytes: Uint8Array;
}> {
  const { image, layer, bytes } = await largeImage();
  await using server = await startFakeRegistry({ "a:b": image }, misbehave(bytes));
  await using registry = createRegistry(testOptions(options));
  const result = await collect(registry.fetchBlob(referenceTo(server, "a:b"), layer, offset)).catch(
    (error: unknown) => {
      if (error instanceof RegistryError) return error;
      throw error;
    },
  );
  return { result, server, bytes };
}

const oddAnswers: readonly (readonly [string, (response: ServerResponse, layer: Uint8Array) => unknown])[] = [
  ["203, content that a proxy has changed", (response, layer) => response.writeHead(203).end(layer)],
  [
    "206 that was not asked for",
    (response, layer) =>
      response.writeHead(206, { "content-range": `bytes 0-${layer.length - 1}/${layer.length}` }).end(layer),
  ],
  [
    "100 that was not asked for",
    (response, layer) => {
      response.writeContinue();
      response.writeHead(200).end(layer);
    },
  ],
  [
    "a header that goes on in the next line",
    (response, layer) => {
      const { socket } = response;
      socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${layer.length}\r\nx-folded: one\r\n two\r\n\r\n`);
      socket?.end(layer);
    },
  ],
];

describe("fetchBlob", () => {
  for (const [answer, respond] of oddAnswers) {
    test(`refuses a response that the specifications do not allow here: ${answer}`, async () => {
      const { result } = await fetchLayer((layer) => (request, response) => {
        if (!isBlob(request.url)) return false;
        respond(response, layer);
        return true;
      });
      assert.ok(result instanceof RegistryError, "it was taken");
      assert.equal(result.code, "Unavailable");
    });
  }

  test("resumes a transfer that breaks, as often as it makes progress", async () => {
    const step = 40_000;
    const { result, server, bytes } = await fetchLayer((layer) => (request, response) => {
      if (!isBlob(request.url)) return false;
      const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
      if (start + step >= layer.length) return false;
      const range = `bytes ${start}-${layer.length - 1}/${layer.length}`;
      const headers = {
        "content-length": layer.length - start,
        ...(start > 0 ? { "content-range": range } : {}),
      };
      return breakOff(response, layer.subarray(start, start + step), headers, start > 0 ? 206 : 200);
    });
    assert.ok(!(result instanceof RegistryError), String(result));
    assert.equal(result.restarts, 0);
    assert.ok(result.bytes.equals(bytes));
    const ranges = server.requests.filter(({ headers }) => headers.range !== undefined);
    assert.ok(ranges.length > 3, "more breaks than tries without progress");
  });

  test("restarts from zero if the server does not support ranges", async () => {
    let broken = false;
    const { result, bytes } = await fetchLayer((layer) => (request, response) => {
      if (!isBlob(request.url)) return false;
      if (broken) {
        response.writeHead(200, { "content-length": layer.length }).end(layer);
        return true;
      }
      broken = true;
      return breakOff(response, layer.subarray(0, 1000), { "content-length": layer.length });
    });
    assert.ok(!(result instanceof RegistryError), String(result));
    assert.equal(result.restarts, 1);
    assert.ok(result.bytes.equals(bytes));
  });

  test("restarts from zero if the server refuses the range, or sends another one", async () => {
    for (const status of [416, 206]) {
      const { result, bytes } = await fetchLayer(
        () => (request, response) => {
          if (request.headers.range === undefined) return false;
          response.writeHead(status, { "content-range": "bytes 5-9/300000" }).end("wrong");
          return true;
        },
        {},
        1000,
      );
      assert.ok(!(result instanceof RegistryError), String(result));
      assert.equal(result.restarts, 1);
      assert.ok(result.bytes.equals(bytes));
    }
  });

  test("gives up after a number of attempts without a new byte", async () => {
    const { result, server } = await fetchLayer((layer) => (request, response) => {
      if (!isBlob(request.url)) return false;
      if (request.headers.range !== undefined) return breakOff(response, Buffer.alloc(0), {}, 206);
      return breakOff(response, layer.subarray(0, 1000), { "content-length": layer.length });
    });
    assert.ok(result instanceof RegistryError);
    assert.equal(result.code, "Unavailable");
    assert.match(result.message, /^RegistryUnavailable: fetching sha256:/);
    assert.ok(server.requests.length <= 8, `${server.requests.length} requests`);
  });

  test("aborts a transfer without a byte for the progress timeout, and resumes it", async () => {
    let stalled = false;
    const { result, bytes } = await fetchLayer(
      (layer) => (request, response) => {
        if (!isBlob(request.url) || stalled) return false;
        stalled = true;
        response.writeHead(200, { "content-length": layer.length });
        response.write(layer.subarray(0, 5000));
        return true;
      },
      { progressTimeoutMs: 500 },
    );
    assert.ok(!(result instanceof RegistryError), String(result));
    assert.ok(result.bytes.equals(bytes));
  });

  test("refuses a blob that is truncated or too long at the registry: DataLoss", async () => {
    for (const change of [-1000, 1000]) {
      const { result } = await fetchLayer((layer) => (request, response) => {
        if (!isBlob(request.url)) return false;
        const wrong = Buffer.concat([layer, Buffer.alloc(1000)]).subarray(0, layer.length + change);
        response.writeHead(200, { "content-length": wrong.length }).end(wrong);
        return true;
      });
      assert.ok(result instanceof RegistryError);
      assert.equal(result.code, "DataLoss");
      assert.match(result.message, /the blob has \d+ bytes, the manifest says \d+/);
    }
  });

  test("never yields more than the descriptor's size, even if the length is not announced", async () => {
    const { result } = await fetchLayer((layer) => (request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200);
      response.write(layer);
      response.end(Buffer.alloc(100_000));
      return true;
    });
    assert.ok(result instanceof RegistryError);
    assert.equal(result.code, "DataLoss");
  });

  test("ends at once when it is aborted in the middle of a transfer", async () => {
    const { image, layer, bytes } = await largeImage();
    const abort = new AbortController();
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (!isBlob(request.url)) return false;
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 5000));
      return true;
    });
    await using registry = createRegistry(testOptions());
    const reading = async (): Promise<void> => {
      for await (const _ of registry.fetchBlob(referenceTo(server, "a:b"), layer, 0, abort.signal))
        abort.abort();
    };
    await assert.rejects(reading(), (error) => error instanceof RegistryError && error.code === "Canceled");
  });
});

describe("resolve and fetchSmall", () => {
  async function resolveWith(misbehave: Misbehaviour): Promise<{ outcome: unknown; server: FakeRegistry }> {
    await using server = await startFakeRegistry({ "a:b": await imageOf() }, misbehave);
    await using registry = createRegistry(testOptions());
    const outcome = await registry.resolve(referenceTo(server, "a:b")).catch((error: unknown) => error);
    return { outcome, server };
  }

  test("refuse a manifest of more than 4 MiB, announced or not", async () => {
    for (const announced of [true, false]) {
      const { outcome } = await resolveWith((_, response) => {
        const length = 4 * 1024 * 1024 + 1;
        response.writeHead(200, {
          "content-type": mediaType.ociManifest,
          ...(announced ? { "content-length": length } : {}),
        });
        response.end(Buffer.alloc(length, " "));
        return true;
      });
      assert.ok(outcome instanceof RegistryError);
      assert.equal(outcome.code, "ResourceExhausted");
      assert.match(outcome.message, /larger than 4194304 bytes/);
    }
  });

  test("refuse bytes that do not match the digest: DataLoss", async () => {
    const { outcome } = await resolveWith((_, response) => {
      const headers = {
        "content-type": mediaType.ociManifest,
        "docker-content-digest": `sha256:${"0".repeat(64)}`,
      };
      response.writeHead(200, headers).end("{}");
      return true;
    });
    assert.ok(outcome instanceof RegistryError);
    assert.equal(outcome.code, "DataLoss");

    const image = await imageOf();
    await using server = await startFakeRegistry({ "a:b": image }, (_, response) => {
      response.writeHead(200).end("x".repeat(image.target.size));
      return true;
    });
    await using registry = createRegistry(testOptions());
    const fetching = registry.fetchSmall(referenceTo(server, "a:b"), image.target);
    await assert.rejects(fetching, (error) => error instanceof RegistryError && error.code === "DataLoss");
  });

  test("report with the code whether access, the content or the server is the problem", async () => {
    const codes = {
      401: "Unauthenticated",
      403: "PermissionDenied",
      404: "NotFound",
      410: "NotFound",
      418: "FailedPrecondition",
      451: "PermissionDenied",
      429: "ResourceExhausted",
      503: "Unavailable",
    };
    for (const [status, code] of Object.entries(codes)) {
      const { outcome, server } = await resolveWith((_, response) => {
        response.writeHead(Number(status), { "retry-after": "0", "www-authenticate": 'Basic realm="x"' });
        response.end(JSON.stringify({ errors: [{ code: "SOME", message: "because\u001b[31m\nof this" }] }));
        return true;
      });
      assert.ok(outcome instanceof RegistryError);
      assert.equal(outcome.code, code);
      if (status !== "401") assert.match(outcome.message, /SOME: because \[31m of this/);
      assert.equal(server.requests.length, ["429", "503"].includes(status) ? 3 : 1, `tries on ${status}`);
    }
  });

  test("are not tried again if the registry asks for a longer wait than all attempts would take", async () => {
    const { outcome, server } = await resolveWith((_, response) => {
      response.writeHead(429, { "retry-after": "86400" }).end();
      return true;
    });
    assert.ok(outcome instanceof RegistryError);
    assert.equal(outcome.code, "ResourceExhausted");
    assert.match(outcome.message, /too many requests; it asks to wait for 86400 seconds/);
    assert.equal(server.requests.length, 1);
  });

  test("retry after 429 and 503, and then succeed", async () => {
    for (const status of [429, 503]) {
      let refused = 0;
      const { outcome } = await resolveWith((_, response) => {
        if (refused++ === 2) return false;
        response.writeHead(status).end();
        return true;
      });
      assert.ok(!(outcome instanceof Error), String(outcome));
    }
  });

  test("quote only the start of an endless error body", async () => {
    const { outcome } = await resolveWith((_, response) => {
      response.writeHead(403);
      const feed = (): void => {
        while (!response.destroyed && response.write("x".repeat(10_000)));
        response.once("drain", feed);
      };
      feed();
      return true;
    });
    assert.ok(outcome instanceof RegistryError);
    assert.ok(outcome.message.length < 1000);
  });

  test("work with a server without HEAD: probe then returns nothing", async () => {
    const image = await imageOf();
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (request.method !== "HEAD") return false;
      response.writeHead(405).end();
      return true;
    });
    await using registry = createRegistry(testOptions());
    assert.equal(await registry.probe(referenceTo(server, "a:b")), undefined);
    assert.deepEqual((await registry.resolve(referenceTo(server, "a:b"))).descriptor, image.target);
  });
});

/** "No such host" where a name server answers, "not now" where none does. */
const notFound = "(host {} not found|cannot look up host {}):.* /etc/resolv\\.conf";

test("a host whose name cannot be resolved is named with a hint, whether it is the registry's or its proxy's", async () => {
  const messageOf = async (host: string) => {
    await using registry = createRegistry(testOptions());
    const failure = await registry.resolve(referenceTo({ host }, "a:b")).catch((error: unknown) => error);
    assert.ok(failure instanceof RegistryError && failure.code === "Unavailable", String(failure));
    assert.equal(failure.cause, undefined, "Node's words would come behind ours");
    return failure.message;
  };
  const own = notFound.replaceAll("{}", "registry\\.invalid");
  assert.match(await messageOf("registry.invalid"), new RegExp(`registry\\.invalid: ${own}`));
  process.env.HTTPS_PROXY = "http://proxy.invalid:3128";
  try {
    const ofProxy = notFound.replaceAll("{}", "proxy\\.invalid");
    assert.match(await messageOf("registry.invalid"), new RegExp(`registry\\.invalid: ${ofProxy}`));
  } finally {
    delete process.env.HTTPS_PROXY;
  }
});

describe("redirects", () => {
  test("to another host are followed without credentials and other headers of the request", async () => {
    const { image, layer, bytes } = await largeImage();
    await using storage = await startFakeRegistry({ "a:b": image });
    await using server = await startFakeRegistry({ "a:b": image }, (request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
        return true;
      }
      if (!isBlob(request.url)) return false;
      response.writeHead(307, { location: `http://${storage.host}${request.url}?signature=secret` }).end();
      return true;
    });
    const credentials = { kind: "basic", username: "me", password: "hush" } as const;
    await using registry = createRegistry(testOptions({ credentials }));
    const { bytes: got } = await collect(registry.fetchBlob(referenceTo(server, "a:b"), layer, 1000));
    assert.ok(got.equals(bytes.subarray(1000)), "the range goes along");
    assert.ok(server.requests.at(-1)?.headers.authorization);
    assert.ok(storage.requests.length > 0);
    for (const { headers } of storage.requests) {
      assert.equal(headers.authorization, undefined);
      assert.equal(headers.range, "bytes=1000-");
    }
  });

  test("to a host that does not answer name both hosts", async () => {
    let host = "";
    {
      await using gone = await startFakeRegistry({});
      ({ host } = gone);
    }
    await using server = await startFakeRegistry({}, (_, response) => {
      response.writeHead(307, { location: `http://${host}/elsewhere` }).end();
      return true;
    });
    await using registry = createRegistry(testOptions());
    await assert.rejects(registry.resolve(referenceTo(server, "a:b")), (error) =>
      messageOf(error).includes(`: ${server.host} (redirected to ${host}): connection refused`),
    );
  });

  test("that loop end", async () => {
    await using server = await startFakeRegistry({}, (request, response) => {
      response.writeHead(302, { location: request.url ?? "/" }).end();
      return true;
    });
    await using registry = createRegistry(testOptions());
    const resolving = registry.resolve(referenceTo(server, "a:b"));
    await assert.rejects(resolving, /more than 10 redirects/);
    assert.ok(server.requests.length <= 11);
  });

  test("to other schemes than HTTP are refused", async () => {
    await using server = await startFakeRegistry({}, (_, response) => {
      response.writeHead(302, { location: "file:///etc/passwd" }).end();
      return true;
    });
    await using registry = createRegistry(testOptions());
    await assert.rejects(registry.resolve(referenceTo(server, "a:b")), /not followed/);
  });
});

test("a descriptor of a small blob that claims more than 4 MiB is refused without a request", async () => {
  await using server = await startFakeRegistry({});
  await using registry = createRegistry(testOptions());
  const descriptor = {
    mediaType: mediaType.ociConfig,
    digest: parseDigest(`sha256:${"1".repeat(64)}`),
    size: 5_000_000,
  };
  const fetching = registry.fetchSmall(referenceTo(server, "a:b"), descriptor);
  await assert.rejects(
    fetching,
    (error) => error instanceof RegistryError && error.code === "ResourceExhausted",
  );
  assert.equal(server.requests.length, 0);
});
