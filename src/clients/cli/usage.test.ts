import assert from "node:assert/strict";
import { test } from "node:test";
import { id } from "../../doors/cri/testing/samples.ts";
import { network, usage } from "../../doors/cri/testing/usage-samples.ts";
import { until } from "../../testing/until.ts";
import { serveCli } from "./testing/cli.ts";
import { addContainer, addPod } from "./testing/objects.ts";

/** Two pods, one with a container that runs and one that does not. */
async function served() {
  const endpoint = await serveCli();
  endpoint.engine.usage = usage;
  endpoint.engine.network = network;
  addPod(endpoint, "aa", "web", { labels: { app: "web" } });
  addPod(endpoint, "bb", "dns", { namespace: "kube-system" });
  addContainer(endpoint, "c1", "app", "aa");
  addContainer(endpoint, "c2", "ended", "aa", { state: { kind: "created" } });
  addContainer(endpoint, "c3", "server", "bb");
  return endpoint;
}

test("stats shows the usage of running containers, and of a named container that has ended what is left", async () => {
  await using endpoint = await served();
  const table = (await endpoint.run(["stats"])).stdout;
  assert.match(table, /^CONTAINER ID +NAME +POD +NAMESPACE +CPU % +MEMORY +SWAP +DISK +INODES\n(.*\n){2}$/);
  assert.match(table, /c10000000000 +app +web +default +0\.00 +700 B +- +4\.1 kB +3\n/);
  const named = (await endpoint.run(["stats", "web/ended"])).stdout;
  assert.match(named, /c20000000000 +ended +web +default +- +- +- +4\.1 kB +3\n/);
  assert.equal((await endpoint.run(["stats", "nobody"])).status, 3);
});

test("stats selects containers by pod and namespace, and prints ids or crictl's JSON", async () => {
  await using endpoint = await served();
  const ids = async (...argv: string[]) => (await endpoint.run(["stats", "-q", ...argv])).stdout;
  assert.equal(await ids("--pod", "web"), `${id("c1")}\n`);
  assert.equal(await ids("--namespace", "kube-system"), `${id("c3")}\n`);
  const { stats } = JSON.parse((await endpoint.run(["stats", "--pod", "web", "-o", "json"])).stdout);
  assert.equal(stats[0].attributes.id, id("c1"));
  assert.equal(stats[0].memory.workingSetBytes.value, "700");
});

test("stats --pods shows the usage of pods, with their networks", async () => {
  await using endpoint = await served();
  const table = (await endpoint.run(["stats", "--pods", "--label", "app=web"])).stdout;
  assert.match(
    table,
    /^POD ID +NAME +NAMESPACE +CPU % +MEMORY +RECEIVED +SENT +TASKS +CONTAINERS\naa0000000000 +web +default +0\.00 +700 B +1 B +4 B +4 +1\n$/,
  );
  const named = await endpoint.run(["stats", "--pods", "-q", "kube-system/dns"]);
  assert.equal(named.stdout, `${id("bb")}\n`);
});

test("stats --watch continues until it is interrupted", async () => {
  await using endpoint = await served();
  const interrupt = new AbortController();
  const running = endpoint.start(["stats", "-q", "--pod", "web", "--watch", "10ms"], {
    signal: interrupt.signal,
  });
  await until(() => running.io.stdout.text().split(id("c1")).length > 3);
  interrupt.abort();
  assert.equal(await running.status, 130);
  assert.equal((await endpoint.run(["stats", "--watch", "soon"])).status, 2);
});

test("stats --watch pauses for longer than a timer of Node can", async () => {
  await using endpoint = await served();
  const interrupt = new AbortController();
  const running = endpoint.start(["stats", "--pod", "web", "--watch", "1000h"], { signal: interrupt.signal });
  const shown = () => running.io.stdout.text().split("CONTAINER ID").length - 1;
  await until(() => shown() > 0);
  // Time for another one.
  await endpoint.run(["stats", "--pod", "web"]);
  assert.equal(shown(), 1);
  interrupt.abort();
  assert.equal(await running.status, 130);
});

test("metrics are shown in a table and in Prometheus' text format, with their labels", async () => {
  await using endpoint = await served();
  const table = (await endpoint.run(["metrics", "web"])).stdout;
  assert.match(table, /^POD +CONTAINER +NAME +LABELS +VALUE\n/);
  assert.match(table, /web +app +container_cpu_usage_seconds_total +cpu="total" +2\n/);
  assert.doesNotMatch(table, /dns/);
  const text = (await endpoint.run(["metrics", "web", "-o", "prometheus"])).stdout;
  assert.match(
    text,
    /# HELP container_network_receive_bytes_total .+\n# TYPE container_network_receive_bytes_total counter\n/,
  );
  const name = `container_memory_usage_bytes{container="app",id="/pods/${id("aa")}/${id("c1")}",`;
  assert.ok(text.includes(name));
  assert.equal(text.match(/# TYPE container_network_receive_bytes_total/g)?.length, 1);
  assert.match(text, /pod="web",interface="eth1"\} 1\n/);
});

test("metrics --descriptors lists the available metrics", async () => {
  await using endpoint = await served();
  const table = (await endpoint.run(["metrics", "--descriptors"])).stdout;
  assert.match(
    table,
    /container_memory_rss +container,id,image,name,namespace,pod +Anonymous memory, in bytes\.\n/,
  );
  const { descriptors } = JSON.parse((await endpoint.run(["metrics", "--descriptors", "-o", "json"])).stdout);
  assert.ok(descriptors.some(({ name }: { name: string }) => name === "container_cpu_user_seconds_total"));
});
