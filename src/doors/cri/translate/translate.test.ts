import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthConfig,
  ContainerConfig,
  ContainerFilter,
  ContainerState,
  PodSandboxFilter,
  PodSandboxState,
} from "../../../ground/protocol/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";
import { container, containerConfig, id, image, podSandboxConfig, sandbox } from "../testing/samples.ts";
import { toCredentials } from "./credentials.ts";
import { filterContainers, filterSandboxes } from "./filters.ts";
import { imageInfo, toImage } from "./image.ts";
import { infoJson, inspectionJson } from "./info.ts";
import { inParts } from "./parts.ts";
import { toPodSandboxStatus } from "./sandbox.ts";
import { timerMs } from "./time.ts";

test("a sandbox's first address is its ip, others are additional", () => {
  const status = toPodSandboxStatus(sandbox({ ips: ["10.0.0.2", "fd00::2"] }));
  assert.deepEqual(status.network, { ip: "10.0.0.2", additionalIps: [{ ip: "fd00::2" }] });
  assert.deepEqual(toPodSandboxStatus(sandbox({ ips: [] })).network, { ip: "", additionalIps: [] });
});

test("sandboxes are filtered by id prefix, state and labels together", () => {
  const one = sandbox({ id: id("aa1"), config: podSandboxConfig({ labels: { app: "web", tier: "1" } }) });
  const two = sandbox({
    id: id("aa2"),
    state: "notReady",
    config: podSandboxConfig({ labels: { app: "web" } }),
  });
  const found = (filter: Parameters<typeof PodSandboxFilter.fromPartial>[0]) =>
    filterSandboxes([one, two], PodSandboxFilter.fromPartial(filter));
  assert.deepEqual(filterSandboxes([one, two], undefined), [one, two]);
  assert.deepEqual(found({}), [one, two]);
  assert.deepEqual(found({ id: "aa" }), [one, two]);
  assert.deepEqual(found({ id: "aa2" }), [two]);
  assert.deepEqual(found({ id: "b" }), []);
  assert.deepEqual(found({ state: { state: PodSandboxState.SANDBOX_READY } }), [one]);
  assert.deepEqual(found({ labelSelector: { app: "web" } }), [one, two]);
  assert.deepEqual(found({ labelSelector: { app: "web", tier: "1" } }), [one]);
  assert.deepEqual(found({ labelSelector: { tier: "" } }), []);
});

test("containers are filtered by their sandbox too", () => {
  const one = container({ id: id("c1"), sandboxId: id("5a") });
  const two = container({
    id: id("c2"),
    sandboxId: id("5b"),
    config: containerConfig({ labels: { a: "b" } }),
  });
  const found = (filter: Parameters<typeof ContainerFilter.fromPartial>[0]) =>
    filterContainers([one, two], ContainerFilter.fromPartial(filter));
  assert.deepEqual(found({ podSandboxId: "5b" }), [two]);
  assert.deepEqual(found({ podSandboxId: id("5a"), id: "c2" }), []);
  assert.deepEqual(found({ state: { state: ContainerState.CONTAINER_CREATED } }), [one, two]);
  assert.deepEqual(found({ state: { state: ContainerState.CONTAINER_RUNNING } }), []);
  assert.deepEqual(found({ labelSelector: { a: "b" } }), [two]);
});

test("an image's user is a number or a name, and its group is left out", () => {
  const userOf = (user: string) => {
    const { config } = image();
    const { uid, username } = toImage(image({ config: { ...config, config: { ...config.config, user } } }));
    return [uid?.value, username];
  };
  assert.deepEqual(userOf(""), [undefined, ""]);
  assert.deepEqual(userOf("0"), [0n, ""]);
  assert.deepEqual(userOf("1000:50"), [1000n, ""]);
  assert.deepEqual(userOf("nobody:nogroup"), [undefined, "nobody"]);
});

test("the verbose form of an image is its config in OCI's spelling", () => {
  const { config } = image();
  const chainId = parseDigest(`sha256:${"3c".repeat(32)}`);
  const info = JSON.parse(
    infoJson(
      imageInfo(
        image({
          chainId,
          config: { ...config, config: { ...config.config, exposedPorts: ["80/tcp"] }, diffIds: [chainId] },
        }),
      ),
    ),
  );
  assert.equal(info.chainID, chainId);
  assert.equal(info.imageSpec.architecture, "amd64");
  assert.deepEqual(info.imageSpec.config.Cmd, ["sh"]);
  assert.deepEqual(info.imageSpec.config.ExposedPorts, { "80/tcp": {} });
  assert.deepEqual(info.imageSpec.rootfs, { type: "layers", diff_ids: [chainId] });
});

test("verbose JSON shows large numbers whole and bytes as text", () => {
  assert.equal(
    infoJson({ small: 5n, large: 2n ** 60n, envs: [{ key: "A", value: Buffer.from("b") }], gone: undefined }),
    '{"small":5,"large":1152921504606846976,"envs":[{"key":"A","value":"b"}]}',
  );
});

test("a configuration is shown in the spelling of the protocol, without what was not set", () => {
  const config = ContainerConfig.fromPartial({
    metadata: { name: "web" },
    labels: { "io.kubernetes.podName": "" },
    logPath: "web.log",
    CDIDevices: [{ name: "gpu" }],
    mounts: [{ hostPath: "/a", containerPath: "/b", readonly: true }],
    linux: { resources: { cpuShares: 2n, unified: { "memory.highPeak": "1" } }, securityContext: {} },
  });
  assert.deepEqual(JSON.parse(inspectionJson({ pid: 7, config })), {
    pid: 7,
    config: {
      metadata: { name: "web" },
      labels: { "io.kubernetes.podName": "" },
      log_path: "web.log",
      CDI_devices: [{ name: "gpu" }],
      mounts: [{ host_path: "/a", container_path: "/b", readonly: true }],
      linux: { resources: { cpu_shares: 2, unified: { "memory.highPeak": "1" } }, security_context: {} },
    },
  });
});

test("the most specific credentials win", () => {
  const from = (auth: Partial<AuthConfig>) => toCredentials(AuthConfig.fromPartial(auth));
  const basic = { username: "u", password: "p" };
  assert.equal(toCredentials(undefined), undefined);
  assert.equal(from({ serverAddress: "https://r.example" }), undefined);
  assert.deepEqual(from(basic), { kind: "basic", ...basic });
  assert.deepEqual(from({ auth: "dTpwOnE=" }), { kind: "basic", username: "u", password: "p:q" });
  assert.deepEqual(from({ auth: Buffer.from("u:p\0\0").toString("base64") }), { kind: "basic", ...basic });
  assert.deepEqual(from({ ...basic, identityToken: "i" }), { kind: "identityToken", token: "i" });
  assert.deepEqual(from({ identityToken: "i", registryToken: "r" }), { kind: "registryToken", token: "r" });
  assert.deepEqual(from({ ...basic, serverAddress: "r.example" }), {
    kind: "basic",
    ...basic,
    serverAddress: "r.example",
  });
});

test("malformed credentials are refused without being shown", () => {
  for (const auth of ["not base64!", Buffer.from("nocolon").toString("base64")]) {
    assert.throws(
      () => toCredentials(AuthConfig.fromPartial({ auth })),
      (error: Error) =>
        error.message.startsWith("auth.auth: ") &&
        !error.message.includes("nocolon") &&
        !error.message.includes(auth),
    );
  }
});

test("a list is cut into parts that fit into messages, and never inside an item", () => {
  const mebibyte = 1024 * 1024;
  const parts = (sizes: readonly number[]) => [...inParts(sizes, (size) => size)];
  assert.deepEqual(parts([]), []);
  assert.deepEqual(parts([1, 2, 3]), [[1, 2, 3]]);
  assert.deepEqual(parts([mebibyte, 1, mebibyte - 1, 5 * mebibyte, 7]), [
    [mebibyte],
    [1, mebibyte - 1],
    [5 * mebibyte],
    [7],
  ]);
});

test("a time longer than a timer can wait is cut, as it would fire at once", () => {
  assert.equal(timerMs(0n), 0);
  assert.equal(timerMs(-1n), 0);
  assert.equal(timerMs(30n), 30_000);
  assert.equal(timerMs(10n ** 15n), 2 ** 31 - 1);
});

test("a password's padding is taken off in a time that grows with its length alone", () => {
  const password = `${"\0".repeat(512 * 1024)}x`;
  const auth = Buffer.from(`user:${password}\0\0`).toString("base64");
  // Trying again at each NUL takes minutes, and the test's process with it.
  const read = toCredentials(AuthConfig.fromPartial({ auth }));
  assert.ok(read?.kind === "basic" && read.password === password);
});
