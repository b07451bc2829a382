import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import { PodSandboxStatusRequest, RunPodSandboxRequest } from "../../ground/protocol/index.ts";
import { podSandboxConfig } from "./testing/samples.ts";
import { refusal, serve } from "./testing/serve.ts";

const request = RunPodSandboxRequest.fromPartial({
  config: podSandboxConfig({ labels: { app: "web", "io.berth.owner": "cli" } }),
});

test("the label of owners is not taken from a configuration, which a kubelet's users write: a pod cannot be hidden by it", async () => {
  await using server = await serve();
  const { podSandboxId } = await server.runtime.runPodSandbox(request);
  const { status } = await server.runtime.podSandboxStatus(
    PodSandboxStatusRequest.fromPartial({ podSandboxId }),
  );
  assert.deepEqual(status?.labels, { app: "web" });
  const { items } = await server.runtime.listPodSandbox({ filter: undefined });
  assert.deepEqual(
    items.map(({ id }) => id),
    [podSandboxId],
  );
});

test("an owner that no label can hold is refused", async () => {
  await using server = await serve();
  const metadata = new Metadata();
  metadata.set("berth-owner", "not a name");
  const answer = new Promise((resolve, reject) => {
    server.client.version({ version: "" }, metadata, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
  await assert.rejects(
    answer,
    refusal("INVALID_ARGUMENT", /metadata berth-owner: "not a name" is not a valid name/),
  );
});
