/** Probes of a container that runs, over the real protocols. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { TurnedClock } from "../../../ground/clock/testing/turned-clock.ts";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../../ground/protocol/index.ts";
import { until } from "../../../testing/until.ts";
import type { Container } from "../../manifests/index.ts";
import { runHandler } from "../handler-runner.ts";
import type { PodRuntime } from "../pod-runtime.ts";
import { ContainerProbes } from "./container-probes.ts";

/** None of these probes runs a command. */
const noRuntime = {} as PodRuntime;
const forEver = new AbortController().signal;
const containerWith = (more: object): Container => ({ name: "main", image: "busybox", ...more });

/** A web server of a pod: it answers as `respond` says, and remembers what it was asked. */
async function webServer(respond: () => number) {
  const asked: { readonly path: string; readonly headers: NodeJS.Dict<string | string[]> }[] = [];
  const server = createServer(({ url = "", headers }, response) => {
    asked.push({ path: url, headers });
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

describe("what a probe asks", () => {
  const ask = (action: object, container: object = {}, podIp = "127.0.0.1", timeoutMs = 5_000) =>
    runHandler(
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

  it("by HTTP goes to the path and the port that it names, with its headers, and succeeds from 200 to 399", async () => {
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
    assert.match((await ask({ httpGet: { port: "none" } }, { ports })) ?? "", /no port named "none"/);
  });

  it("goes to the host that it names, else to the pod", async () => {
    await using server = await webServer(() => 200);
    const { port } = server;
    const nobody = "127.0.0.99";
    assert.match((await ask({ httpGet: { port } }, {}, nobody)) ?? "", /ECONNREFUSED/);
    assert.equal(await ask({ httpGet: { port, host: "127.0.0.1" } }, {}, nobody), undefined);
    assert.match((await ask({ tcpSocket: { port } }, {}, nobody)) ?? "", /ECONNREFUSED/);
    assert.equal(await ask({ tcpSocket: { port, host: "127.0.0.1" } }, {}, nobody), undefined);
  });

  it("fails when the answer takes longer than the probe has", async () => {
    await using server = await webServer(() => 0);
    assert.equal(await ask({ httpGet: { port: server.port } }, {}, "127.0.0.1", 100), "timed out after 0.1s");
  });

  it("by gRPC is the health of the service that it names", async () => {
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

  it("by gRPC fails where nobody speaks it", async () => {
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

describe("the probes of a container", () => {
  /** Probes of a container that was started now; time passes as the test says. */
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

  it("begin after their delay, come once in their period, and count to their thresholds", async () => {
    let status = 200;
    await using server = await webServer(() => status);
    const times = { initialDelaySeconds: 60, periodSeconds: 60, successThreshold: 2, failureThreshold: 3 };
    using probed = probesOf({ readinessProbe: { httpGet: { port: server.port }, ...times } });
    const { clock, probes } = probed;
    /** Turns the clock to the next probe and waits for what it comes to. */
    const next = async () => {
      const before = server.asked.length;
      clock.turn(59_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(server.asked.length, before, "no probe before its time");
      clock.turn(1_500);
      await until(async () => server.asked.length === before + 1);
      // The answer is on its way.
      await new Promise((resolve) => setTimeout(resolve, 200));
      return probes.ready;
    };
    assert.equal(probes.ready, false);
    assert.equal(await next(), false);
    assert.equal(await next(), true);
    status = 500;
    assert.deepEqual([await next(), await next(), await next()], [true, true, false]);
  });

  it("of its life wait for the startup probe, and say what failed", async () => {
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
});
