/** Probes of a running container, with the real protocols. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { systemClock } from "../../../ground/clock/index.ts";
import { TurnedClock } from "../../../ground/clock/testing/turned-clock.ts";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../../ground/protocol/index.ts";
import { until } from "../../../testing/until.ts";
import type { Container } from "../../manifests/index.ts";
import { runHook } from "../handlers/run-hook.ts";
import { runProbe } from "../handlers/run-probe.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { ContainerProbes } from "./container-probes.ts";

/** None of these probes runs a command. */
const noRuntime = {} as PodRuntime;
const forEver = new AbortController().signal;
const containerWith = (more: object): Container => ({ name: "main", image: "busybox", ...more });

/** A web server of a pod: it replies with `respond`, and records its requests. */
async function webServer(respond: () => number, redirects: Readonly<Record<string, string>> = {}) {
  const asked: { readonly path: string; readonly headers: NodeJS.Dict<string | string[]> }[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    asked.push({ path: url, headers });
    const location = redirects[url];
    if (location !== undefined) return void response.writeHead(302, { location }).end();
    const status = respond();
    if (status !== 0) response.writeHead(status).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

describe("a probe's request", () => {
  const ask = (action: object, container: object = {}, podIp = "127.0.0.1", timeoutMs = 5_000) =>
    runProbe(
      noRuntime,
      action,
      { container: containerWith(container), containerId: "id", podIp },
      timeoutMs,
      forEver,
    );

  it("may take longer than a timer can wait", async () => {
    await using server = await webServer(() => 200);
    for (const seconds of [3_000_000, 2_147_483_647])
      assert.equal(
        await ask({ tcpSocket: { port: server.port } }, {}, "127.0.0.1", seconds * 1000),
        undefined,
        `${seconds}`,
      );
  });

  it("by HTTP is sent to its path and port, with its headers, and succeeds from 200 to 399", async () => {
    let status = 204;
    await using server = await webServer(() => status);
    const httpGet = { port: "web", path: "/ready", httpHeaders: [{ name: "Host", value: "web.test" }] };
    const ports = [{ name: "web", containerPort: server.port }];
    assert.equal(await ask({ httpGet }, { ports }), undefined);
    assert.equal(server.asked[0]?.path, "/ready");
    assert.equal(server.asked[0]?.headers.host, "web.test");
    status = 302;
    assert.equal(await ask({ httpGet }, { ports }), undefined);
    status = 503;
    assert.equal(await ask({ httpGet }, { ports }), "HTTP status 503");
    assert.match((await ask({ httpGet: { ...httpGet, scheme: "HTTPS" } }, { ports })) ?? "", /SSL|wrong/i);
    // That says nothing about the container.
    await assert.rejects(ask({ httpGet: { port: "none" } }, { ports }), /no port named "none"/);
  });

  it("by HTTP follows a redirect on the same host", async () => {
    let status = 200;
    await using server = await webServer(() => status, {
      "/old": "/new",
      "/away": "http://elsewhere.test/",
      "/round": "/round",
    });
    const get = (path: string) => ask({ httpGet: { port: server.port, path } });
    assert.equal(await get("/old"), undefined);
    assert.deepEqual(
      server.asked.map(({ path }) => path),
      ["/old", "/new"],
    );
    status = 500;
    assert.equal(await get("/old"), "HTTP status 500");
    assert.equal(await get("/away"), undefined);
    assert.match((await get("/round")) ?? "", /10 redirects/);
  });

  it("is sent to the host that it names, otherwise to the pod", async () => {
    await using server = await webServer(() => 200);
    const { port } = server;
    const nobody = "127.0.0.99";
    assert.match((await ask({ httpGet: { port } }, {}, nobody)) ?? "", /ECONNREFUSED/);
    assert.equal(await ask({ httpGet: { port, host: "127.0.0.1" } }, {}, nobody), undefined);
    assert.match((await ask({ tcpSocket: { port } }, {}, nobody)) ?? "", /ECONNREFUSED/);
    assert.equal(await ask({ tcpSocket: { port, host: "127.0.0.1" } }, {}, nobody), undefined);
  });

  it("fails if the reply takes longer than the probe's timeout", async () => {
    await using server = await webServer(() => 0);
    assert.equal(await ask({ httpGet: { port: server.port } }, {}, "127.0.0.1", 100), "timed out after 0.1s");
  });

  it("by gRPC is for the health of the service that it names", async () => {
    const server = new Server();
    const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
    server.addService(HealthService, {
      check: ({ request }: { request: HealthCheckRequest }, answer: sendUnaryData<HealthCheckResponse>) =>
        answer(null, { status: request.service === "web" ? SERVING : NOT_SERVING }),
    });
    const bound = promisify(server.bindAsync.bind(server));
    const port = await bound("127.0.0.1:0", ServerCredentials.createInsecure());
    try {
      assert.equal(await ask({ grpc: { port, service: "web" } }), undefined);
      assert.match((await ask({ grpc: { port } })) ?? "", /not serving/);
    } finally {
      server.forceShutdown();
    }
  });

  it("by gRPC fails if the server does not support it", async () => {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => sockets.add(socket.on("error", () => {}).end()));
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    try {
      assert.notEqual(await ask({ grpc: { port } }), undefined);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    }
  });
});

describe("a hook", () => {
  const run = (hook: object, timeoutMs = 5_000) =>
    runHook(
      { runtime: noRuntime, clock: systemClock },
      hook,
      { container: containerWith({}), containerId: "id", podIp: "127.0.0.1" },
      timeoutMs,
      forEver,
    );

  it("by HTTP succeeds with any reply, even if HTTPS was intended", async () => {
    await using server = await webServer(() => 500);
    const { port } = server;
    assert.equal(await run({ httpGet: { port, path: "/end" } }), undefined);
    const httpHeaders = [
      { name: "Authorization", value: "Bearer secret" },
      { name: "X-Name", value: "a" },
      { name: "x-name", value: "b" },
    ];
    assert.equal(await run({ httpGet: { port, scheme: "HTTPS", httpHeaders } }), undefined);
    const { headers } = server.asked.at(-1) ?? {};
    // Headers that were meant to be encrypted are not sent in clear text.
    assert.deepEqual([headers?.authorization, headers?.["x-name"]], [undefined, "a, b"]);
  });

  it("fails without a reply, or when its time is over", async () => {
    await using server = await webServer(() => 0);
    assert.match((await run({ httpGet: { port: server.port } }, 100)) ?? "", /^timed out after 0.1s$/);
    assert.equal(await run({ sleep: { seconds: 60 } }, 100), undefined);
    assert.match((await run({ httpGet: { port: 1 } })) ?? "", /ECONNREFUSED/);
  });
});

describe("the probes of a container", () => {
  /** Probes of a container that was started just now; the test controls the time. */
  const probesOf = (container: object) => {
    const clock = new TurnedClock();
    const failures: string[] = [];
    const probes = new ContainerProbes({
      runtime: noRuntime,
      clock,
      target: { container: containerWith(container), containerId: "id", podIp: "127.0.0.1" },
      startedAtNs: clock.nowNs(),
      onChange: () => {},
      onFailure: (kind, message) => failures.push(`${kind}: ${message}`),
    });
    return { clock, failures, probes, [Symbol.dispose]: () => probes[Symbol.dispose]() };
  };

  it("start after their delay, run once in each period, and count to their thresholds", async () => {
    let status = 200;
    await using server = await webServer(() => status);
    const times = { initialDelaySeconds: 60, periodSeconds: 60, successThreshold: 2, failureThreshold: 3 };
    using probed = probesOf({ readinessProbe: { httpGet: { port: server.port }, ...times } });
    const { clock, probes } = probed;
    /** Advances the clock to the next probe and waits for its result. */
    const next = async () => {
      const before = server.asked.length;
      clock.turn(59_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(server.asked.length, before, "no probe before its time");
      clock.turn(1_500);
      await until(async () => server.asked.length === before + 1);
      // The reply is in transit.
      await new Promise((resolve) => setTimeout(resolve, 200));
      return probes.ready;
    };
    assert.equal(probes.ready, false);
    assert.equal(await next(), false);
    assert.equal(await next(), true);
    status = 500;
    assert.deepEqual([await next(), await next(), await next()], [true, true, false]);
  });

  it("of its liveness wait for the startup probe, and report what failed", async () => {
    let status = 500;
    await using server = await webServer(() => status);
    const httpGet = { port: server.port };
    using probed = probesOf({
      startupProbe: { httpGet, periodSeconds: 5, failureThreshold: 100 },
      livenessProbe: { httpGet, periodSeconds: 5, failureThreshold: 1 },
    });
    const { clock, probes, failures } = probed;
    await until(async () => failures.length === 1);
    assert.deepEqual(
      [probes.started, probes.failure, failures],
      [false, undefined, ["startup: HTTP status 500"]],
    );
    status = 200;
    clock.turn(5_500);
    await until(async () => probes.started);
    status = 500;
    await until(async () => {
      clock.turn(5_500);
      return probes.failure !== undefined;
    });
    assert.deepEqual(probes.failure, { kind: "liveness", message: "HTTP status 500" });
  });

  it("that is being stopped check only its readiness", async () => {
    let status = 200;
    await using server = await webServer(() => status);
    const probe = (path: string) => ({
      httpGet: { port: server.port, path },
      periodSeconds: 5,
      failureThreshold: 1,
    });
    using probed = probesOf({ livenessProbe: probe("/live"), readinessProbe: probe("/ready") });
    const { clock, probes } = probed;
    await until(async () => probes.ready && server.asked.some(({ path }) => path === "/live"));
    probes.stopping();
    server.asked.length = 0;
    status = 500;
    await until(async () => {
      clock.turn(5_500);
      return !probes.ready;
    });
    assert.deepEqual(new Set(server.asked.map(({ path }) => path)), new Set(["/ready"]));
    assert.equal(probes.failure, undefined);
  });

  it("that cannot be run do not change its state, and are reported", async () => {
    using probed = probesOf({ livenessProbe: { httpGet: { port: "none" }, failureThreshold: 1 } });
    const { clock, probes, failures } = probed;
    await until(async () => failures.length === 1);
    await until(async () => {
      clock.turn(10_500);
      return failures.length > 1;
    });
    assert.match(
      failures[0] ?? "",
      /^liveness: it could not be made: container main has no port named "none"$/,
    );
    assert.equal(probes.failure, undefined);
  });
});
