import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Container,
  ListContainersResponse,
  ListPodSandboxResponse,
  PodSandbox,
  RuntimeServiceService,
} from "../../ground/protocol/index.ts";
import { serviceWithKeptLists } from "./kept-lists.ts";

const lengths = [0, 1, 100, 127, 128, 16_383, 16_384, 3_000_000];

test("a list is what the protocol makes of it, whatever its items' lengths", () => {
  const { listContainers, listPodSandbox } = serviceWithKeptLists();
  const labels = lengths.map((length) => ({ text: "a".repeat(length) }));
  const containers = labels.map((each, index) => Container.fromPartial({ id: `c${index}`, labels: each }));
  const items = labels.map((each, index) => PodSandbox.fromPartial({ id: `p${index}`, labels: each }));
  // Coded for the first time, and from what was kept.
  for (const _ of ["new", "kept"]) {
    for (const list of [containers, containers.slice(1, 3), []])
      assert.deepEqual(
        listContainers.responseSerialize({ containers: list }),
        Buffer.from(ListContainersResponse.encode({ containers: list }).finish()),
      );
    assert.deepEqual(
      listPodSandbox.responseSerialize({ items }),
      Buffer.from(ListPodSandboxResponse.encode({ items }).finish()),
    );
  }
});

test("all other methods are the protocol's own", () => {
  const { listContainers: _, listPodSandbox: __, ...others } = serviceWithKeptLists();
  for (const [name, method] of Object.entries(others))
    assert.equal(method, RuntimeServiceService[name as keyof typeof others]);
});
