import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NamespaceMode, PodSandboxState } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { podConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

describe("a pod sandbox", () => {
  const host = withBerth();

  it("has an address at which another pod reaches it", async () => {
    const server = await TestPod.run(host.berth, "server");
    const client = await TestPod.run(host.berth, "client");
    await server.shell(
      "httpd",
      host.image,
      "mkdir -p /www && echo hello from server > /www/index.html && exec httpd -f -p 80 -h /www",
    );
    const shell = await client.shell("shell", host.image, "exec sleep 1000");
    const url = `http://${await server.ip()}/`;
    const page = await eventually("the server answers", () =>
      execSync(host.berth, shell, "wget", "-qO-", url).catch(() => undefined),
    );
    assert.equal(page, "hello from server\n");
  });

  it("gives its hostname, hosts, resolv.conf and shared memory to its containers", async () => {
    const pod = await TestPod.run(host.berth, "files", {
      hostname: "my-host",
      dnsConfig: { servers: ["10.9.8.7"], searches: ["example.test"], options: ["ndots:5"] },
    });
    const id = await pod.shell("shell", host.image, "exec sleep 1000");
    assert.equal(await execSync(host.berth, id, "hostname"), "my-host\n");
    assert.equal(await execSync(host.berth, id, "cat", "/etc/hostname"), "my-host\n");
    assert.match(
      await execSync(host.berth, id, "cat", "/etc/hosts"),
      new RegExp(`${await pod.ip()}\\s+my-host`),
    );
    assert.equal(
      await execSync(host.berth, id, "cat", "/etc/resolv.conf"),
      "search example.test\nnameserver 10.9.8.7\noptions ndots:5\n",
    );
    assert.match(await execSync(host.berth, id, "df", "-k", "/dev/shm"), /shm\s+65536/);
  });

  it("forbids programs, set-user-id and devices in shared memory, with every OCI runtime", async () => {
    const pod = await TestPod.run(host.berth, "shared-memory");
    const mounts = await pod.output("shell", host.image, "grep ' /dev/shm ' /proc/mounts");
    for (const flag of ["nosuid", "nodev", "noexec"]) assert.match(mounts, new RegExp(`\\b${flag}\\b`));
  });

  it("sets its sysctls in its own namespaces", async () => {
    const pod = await TestPod.run(host.berth, "sysctls", {
      linux: { sysctls: { "net.ipv4.ip_local_port_range": "20000 30000", "kernel.shmmni": "100" } },
    });
    const id = await pod.shell("shell", host.image, "exec sleep 1000");
    assert.equal(
      await execSync(host.berth, id, "cat", "/proc/sys/net/ipv4/ip_local_port_range"),
      "20000\t30000\n",
    );
    assert.equal(await execSync(host.berth, id, "cat", "/proc/sys/kernel/shmmni"), "100\n");
  });

  it("shares one PID namespace among its containers if requested", async () => {
    const namespaceOptions = { pid: NamespaceMode.POD, network: NamespaceMode.POD, ipc: NamespaceMode.POD };
    const pod = await TestPod.run(host.berth, "shared-pid", {
      linux: { securityContext: { namespaceOptions } },
    });
    const overrides = { linux: { securityContext: { namespaceOptions } } };
    await pod.shell("first", host.image, "exec sleep 1234", overrides);
    const second = await pod.shell("second", host.image, "exec sleep 1000", overrides);
    assert.match(await execSync(host.berth, second, "ps"), /sleep 1234/);
  });

  it("uses the host's network if requested", async () => {
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const pod = await TestPod.run(host.berth, "host-network", {
      linux: { securityContext: { namespaceOptions } },
    });
    const id = await pod.shell("shell", host.image, "exec sleep 1000", {
      linux: { securityContext: { namespaceOptions } },
    });
    assert.match(await execSync(host.berth, id, "ip", "link"), /bt\d+/);
    assert.equal(await pod.ip(), "");
  });

  it("is found by its name if a client repeats its request", async () => {
    const { runtime } = host.berth.clients;
    const request = { config: podConfig("twice"), runtimeHandler: "" };
    const [first, second] = await Promise.all([
      runtime.runPodSandbox(request),
      runtime.runPodSandbox(request),
    ]);
    const third = await runtime.runPodSandbox(request);
    assert.equal(second.podSandboxId, first.podSandboxId);
    assert.equal(third.podSandboxId, first.podSandboxId);
  });

  it("can be stopped and removed repeatedly", async () => {
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "idempotent");
    const podSandboxId = pod.id;
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.stopPodSandbox({ podSandboxId });
    const { status } = await runtime.podSandboxStatus({ podSandboxId, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    await runtime.removePodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
    await assert.rejects(runtime.podSandboxStatus({ podSandboxId, verbose: false }), /NOT_FOUND/);
  });

  it("with an unknown runtime handler is rejected, with the names of the existing ones", async () => {
    const request = { config: podConfig("unknown-handler"), runtimeHandler: "nonesuch" };
    await assert.rejects(
      host.berth.clients.runtime.runPodSandbox(request),
      /INVALID_ARGUMENT.*nonesuch.*crun/,
    );
  });
});
