import assert from "node:assert/strict";
import { once } from "node:events";
import { lstat } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Metadata, status } from "@grpc/grpc-js";
import {
  HealthCheckResponse_ServingStatus,
  HealthClient,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import { podSandboxConfig } from "./testing/samples.ts";
import { refusal, serve } from "./testing/serve.ts";

const runRequest = { config: podSandboxConfig(), runtimeHandler: "" };

/** Methods that this server has no handler for. */
const unimplemented = ["attach", "exec", "portForward"] as const;

test("the socket is for its owner and group, and goes with the server", async () => {
  await using cri = await serve();
  assert.equal((await lstat(cri.socketPath)).mode & 0o777, 0o660);
  await cri.server.close(0);
  await assert.rejects(lstat(cri.socketPath), { code: "ENOENT" });
});

test("a second server on the same socket is refused, and the first goes on", async () => {
  await using cri = await serve();
  await using other = await serve();
  await assert.rejects(other.server.listen(cri.socketPath), { code: "FailedPrecondition" });
  assert.equal((await cri.runtime.version({ version: "" })).runtimeName, "memory");
});

test("methods that are not built answer UNIMPLEMENTED with their name", async () => {
  await using cri = await serve();
  for (const method of unimplemented) {
    const { path, responseStream } = RuntimeServiceService[method];
    const details = new RegExp(`^${path.slice(1)} is not implemented$`);
    const asked = responseStream
      ? drain(
          cri.client.makeServerStreamRequest(
            path,
            () => Buffer.alloc(0),
            (bytes) => bytes,
            {},
          ),
        )
      : promisify((done: (error: Error | null) => void) =>
          cri.client.makeUnaryRequest(
            path,
            () => Buffer.alloc(0),
            (bytes) => bytes,
            {},
            done,
          ),
        )();
    await assert.rejects(asked, refusal("UNIMPLEMENTED", details), method);
  }
});

test("streaming requests are answered with a URL when something serves them", async () => {
  await using cri = await serve({
    streaming: {
      exec: async ({ containerId }) => `http://127.0.0.1/exec/${containerId}`,
      attach: async () => "http://127.0.0.1/attach",
      portForward: async () => "http://127.0.0.1/portforward",
    },
  });
  const exec = { containerId: "c0", cmd: ["sh"], tty: false, stdin: false, stdout: true, stderr: true };
  assert.equal((await cri.runtime.exec(exec)).url, "http://127.0.0.1/exec/c0");
  await assert.rejects(cri.runtime.exec({ ...exec, tty: true }), refusal("INVALID_ARGUMENT", /^stderr: /));
  assert.match((await cri.runtime.portForward({ podSandboxId: "5a", port: [80] })).url, /portforward$/);
});

test("a refused request says which field is wrong, and the engine never sees it", async () => {
  await using cri = await serve();
  const config = podSandboxConfig({ logDirectory: "/var/log/../../etc" });
  await assert.rejects(
    cri.runtime.runPodSandbox({ config, runtimeHandler: "" }),
    refusal("INVALID_ARGUMENT", /^config\.log_directory: must not contain "\.\."/),
  );
  assert.equal(cri.engine.sandboxTable.size, 0);
});

test("the engine's errors keep their code and message", async () => {
  await using cri = await serve();
  await assert.rejects(
    cri.runtime.podSandboxStatus({ podSandboxId: "feed", verbose: false }),
    refusal("NOT_FOUND", /^sandbox feed does not exist$/),
  );
});

test("an error that nobody foresaw is INTERNAL, and logged with its stack", async () => {
  await using cri = await serve();
  cri.engine.run = () => Promise.reject(new TypeError("no such thing"));
  await assert.rejects(cri.runtime.runPodSandbox(runRequest), refusal("INTERNAL", /^no such thing$/));
  const line = cri.logged().find(({ level }) => level === "error");
  assert.equal(line?.method, "RunPodSandbox");
  assert.match(JSON.stringify(line), /services\.test\.ts/);
});

test("the engine is told when the client goes away", async () => {
  await using cri = await serve();
  const entered = Promise.withResolvers<AbortSignal>();
  cri.engine.run = async (signal) => {
    assert.ok(signal);
    entered.resolve(signal);
    await once(signal, "abort");
    signal.throwIfAborted();
  };
  const { path, requestSerialize, responseDeserialize } = RuntimeServiceService.runPodSandbox;
  const call = cri.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, runRequest, () => {});
  const signal = await entered.promise;
  call.cancel();
  if (!signal.aborted) await once(signal, "abort");
  assert.equal(signal.reason.code, "Canceled");
  await cri.server.close(0);
  assert.equal(cri.logged().findLast(({ method }) => method === "RunPodSandbox")?.code, "CANCELLED");
});

test("the engine is told when the client's deadline passes", async () => {
  await using cri = await serve();
  const reason = Promise.withResolvers<{ code: string }>();
  cri.engine.run = async (signal) => {
    assert.ok(signal);
    signal.addEventListener("abort", () => reason.resolve(signal.reason));
    await reason.promise;
  };
  // Without a deadline of its own the client waits for the server to keep it.
  const metadata = new Metadata();
  metadata.set("grpc-timeout", "50m");
  const { path, requestSerialize, responseDeserialize } = RuntimeServiceService.runPodSandbox;
  const asked = promisify((done: (error: Error | null) => void) =>
    cri.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, runRequest, metadata, done),
  )();
  await assert.rejects(asked, refusal("DEADLINE_EXCEEDED"));
  assert.equal((await reason.promise).code, "DeadlineExceeded");
});

test("calls run side by side", async () => {
  await using cri = await serve();
  const all = Promise.withResolvers<void>();
  let waiting = 0;
  cri.engine.run = () => {
    waiting += 1;
    if (waiting === 20) all.resolve();
    return all.promise;
  };
  const calls = Array.from({ length: 20 }, () => cri.runtime.runPodSandbox(runRequest));
  const ids = (await Promise.all(calls)).map(({ podSandboxId }) => podSandboxId);
  assert.equal(new Set(ids).size, 20);
});

test("every line of a request carries the same id, and no two requests share one", async () => {
  await using cri = await serve();
  await Promise.all([cri.runtime.runPodSandbox(runRequest), cri.runtime.runPodSandbox(runRequest)]);
  const byRequest = Map.groupBy(cri.logged(), ({ requestId }) => requestId);
  assert.equal(byRequest.size, 2);
  for (const [requestId, lines] of byRequest) {
    assert.match(String(requestId), /^[0-9a-f]{16}$/);
    assert.deepEqual(
      lines.map(({ level, msg }) => [level, msg]),
      [
        ["debug", "call"],
        ["info", "answered"],
      ],
    );
    assert.equal(lines[1]?.code, "OK");
    assert.equal(typeof lines[1]?.durationMs, "number");
  }
});

test("what kubelets poll is logged at debug, and its failures above", async () => {
  await using cri = await serve();
  await cri.runtime.listContainers({ filter: undefined });
  await assert.rejects(
    cri.runtime.containerStatus({ containerId: "x", verbose: false }),
    refusal("NOT_FOUND"),
  );
  const ends = cri.logged().filter(({ code }) => code !== undefined);
  assert.deepEqual(
    ends.map(({ level, code }) => [level, code]),
    [
      ["debug", "OK"],
      ["info", "NOT_FOUND"],
    ],
  );
});

test("a request of up to 16 MiB is taken, a larger one is not", async () => {
  await using cri = await serve();
  const image = (bytes: number) => ({ ...emptyImage, image: "a".repeat(bytes) });
  const asked = (bytes: number) => cri.images.imageStatus({ image: image(bytes), verbose: false });
  await assert.rejects(
    asked(16 * 1024 * 1024 - 100),
    refusal("INVALID_ARGUMENT", /must not be longer than 1024 bytes/),
  );
  await assert.rejects(asked(16 * 1024 * 1024 + 100), refusal("RESOURCE_EXHAUSTED"));
});

const emptyImage = { image: "", annotations: {}, userSpecifiedImage: "", runtimeHandler: "", imageRef: "" };

test("health is told for the server and its services", async () => {
  await using cri = await serve();
  const health = new HealthClient(...cri.channel);
  const check = promisify(
    (service: string, done: (error: Error | null, value?: { status: number }) => void) =>
      health.check({ service }, done),
  );
  for (const service of ["", "runtime.v1.RuntimeService", "runtime.v1.ImageService"]) {
    assert.equal((await check(service))?.status, HealthCheckResponse_ServingStatus.SERVING);
  }
  await assert.rejects(check("runtime.v1alpha2.RuntimeService"), refusal("NOT_FOUND"));
  health.close();
});

test("a watch on the health of a service that is not there says so and waits", async () => {
  await using cri = await serve();
  const health = new HealthClient(...cri.channel);
  const watch = health.watch({ service: "no.such.Service" });
  const [first] = await once(watch, "data");
  assert.equal(first.status, HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN);
  const ended = once(watch, "error");
  watch.cancel();
  assert.equal((await ended)[0].code, status.CANCELLED);
  health.close();
});

test("a watch on health lasts until the server stops, and is told of that", async () => {
  await using cri = await serve();
  const health = new HealthClient(...cri.channel);
  const watch = health.watch({ service: "" });
  const [first] = await once(watch, "data");
  assert.equal(first.status, HealthCheckResponse_ServingStatus.SERVING);
  const told = once(watch, "data");
  const ended = once(watch, "error");
  await cri.server.close(60_000);
  assert.equal((await told)[0].status, HealthCheckResponse_ServingStatus.NOT_SERVING);
  assert.equal((await ended)[0].code, status.UNAVAILABLE);
  health.close();
});

test("closing waits for calls under way", async () => {
  await using cri = await serve();
  const entered = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  cri.engine.run = () => {
    entered.resolve();
    return finish.promise;
  };
  const asked = cri.runtime.runPodSandbox(runRequest);
  await entered.promise;
  const closed = cri.server.close(60_000);
  finish.resolve();
  assert.match((await asked).podSandboxId, /^[0-9a-f]{64}$/);
  await closed;
});

test("closing aborts calls that take too long, and their clients learn why", async () => {
  await using cri = await serve();
  const entered = Promise.withResolvers<void>();
  cri.engine.run = async (signal) => {
    entered.resolve();
    assert.ok(signal);
    await once(signal, "abort");
    signal.throwIfAborted();
  };
  const asked = cri.runtime.runPodSandbox(runRequest);
  await entered.promise;
  const refused = assert.rejects(asked, refusal("UNAVAILABLE", /shutting down/));
  await cri.server.close(0);
  await refused;
});

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
