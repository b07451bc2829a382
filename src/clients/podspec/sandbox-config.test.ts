/** The runtime's configuration of a pod in a manifest. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NamespaceMode, Protocol } from "../../ground/protocol/index.ts";
import { podOf, sandboxOf } from "./testing/pods.ts";

describe("the sandbox of a pod", () => {
  it("has the host name that the pod specifies, otherwise the pod's name", async () => {
    assert.equal((await sandboxOf({})).hostname, "web");
    assert.equal((await sandboxOf({ hostname: "front" })).hostname, "front");
    assert.equal((await sandboxOf({ hostNetwork: true })).hostname, "");
  });

  it("has its fully qualified host name if requested, or the name that overrides it", async () => {
    const named = { hostname: "front", subdomain: "web", setHostnameAsFQDN: true };
    assert.equal((await sandboxOf(named)).hostname, "front.web.shop.svc.cluster.local");
    assert.equal((await sandboxOf({ setHostnameAsFQDN: true })).hostname, "web");
    assert.equal((await sandboxOf({ ...named, setHostnameAsFQDN: false })).hostname, "front");
    assert.equal((await sandboxOf({ hostnameOverride: "db.example.test" })).hostname, "db.example.test");
    await assert.rejects(sandboxOf({ ...named, hostname: "f".repeat(40) }), /is longer than 64 characters/);
  });

  it("has its own users with hostUsers false, which no other pod has while it exists", async () => {
    await using one = await podOf({ hostUsers: false });
    const users = async (pod: typeof one) =>
      (await pod.sandbox()).linux?.securityContext?.namespaceOptions?.usernsOptions;
    const first = await users(one);
    assert.deepEqual(
      [first?.mode, first?.uids, first?.uids[0]?.length],
      [NamespaceMode.POD, first?.gids, 65_536],
    );
    assert.deepEqual(await users(one), first);
    await using other = await podOf({ hostUsers: false }, [], { uid: "another", beside: one });
    assert.notEqual((await users(other))?.uids[0]?.hostId, first?.uids[0]?.hostId);
    const { mounts } = await one.container();
    assert.ok(mounts.every(({ uidMappings, gidMappings }) => uidMappings.length + gidMappings.length === 2));
    await one.remove();
    await using again = await podOf({ hostUsers: false }, [], { uid: "third", beside: one });
    assert.deepEqual(await users(again), first);
  });

  it("has its own name servers, domains and options with dnsPolicy None", async () => {
    const { dnsConfig } = await sandboxOf({
      dnsPolicy: "None",
      dnsConfig: {
        nameservers: ["192.0.2.53"],
        searches: ["example.test"],
        options: [{ name: "ndots", value: "5" }, { name: "rotate" }],
      },
    });
    assert.partialDeepStrictEqual(dnsConfig, {
      servers: ["192.0.2.53"],
      searches: ["example.test"],
      options: ["ndots:5", "rotate"],
    });
  });

  it("has the host ports that its containers request", async () => {
    const ports = [
      { name: "web", containerPort: 80, hostPort: 8080, hostIP: "127.0.0.1" },
      { name: "dns", containerPort: 53, hostPort: 53, protocol: "UDP" },
      { name: "inner", containerPort: 9000 },
    ];
    const containers = [{ name: "main", image: "busybox", ports }];
    assert.partialDeepStrictEqual((await sandboxOf({ containers })).portMappings, [
      { containerPort: 80, hostPort: 8080, hostIp: "127.0.0.1", protocol: Protocol.TCP },
      { containerPort: 53, hostPort: 53, hostIp: "", protocol: Protocol.UDP },
    ]);
  });

  it("has the sysctls that the pod requests", async () => {
    const { linux } = await sandboxOf({
      securityContext: { sysctls: [{ name: "net.core.somaxconn", value: "1024" }] },
    });
    assert.deepEqual({ ...linux?.sysctls }, { "net.core.somaxconn": "1024" });
  });

  it("shares the host's namespaces that the pod requests", async () => {
    const { linux } = await sandboxOf({ hostNetwork: true, hostPID: true, hostIPC: true });
    assert.partialDeepStrictEqual(linux?.securityContext?.namespaceOptions, {
      network: NamespaceMode.NODE,
      pid: NamespaceMode.NODE,
      ipc: NamespaceMode.NODE,
    });
  });
});
