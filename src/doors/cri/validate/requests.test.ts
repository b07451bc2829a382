import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import {
  CheckpointContainerRequest,
  ExecRequest,
  ListContainersRequest,
  ListImagesRequest,
  ListPodSandboxRequest,
  PortForwardRequest,
  PullImageRequest,
  UpdateRuntimeConfigRequest,
} from "../../../ground/protocol/index.ts";
import * as validate from "./index.ts";

test("an id may be of any make, but not empty and no path", () => {
  validate.containerId({ containerId: "c0ffee" });
  validate.podSandboxId({ podSandboxId: randomUUID() });
  assert.throws(() => validate.containerId({ containerId: "" }), {
    message: "container_id: must not be empty",
  });
  for (const podSandboxId of ["../x", "a/b", "a b", "-x", "a".repeat(129)]) {
    assert.throws(
      () => validate.podSandboxId({ podSandboxId }),
      /^CriError: pod_sandbox_id: must be an id of letters/,
    );
  }
});

test("filters may be left out or be empty", () => {
  validate.listPodSandbox(ListPodSandboxRequest.fromPartial({}));
  validate.listPodSandbox(ListPodSandboxRequest.fromPartial({ filter: {} }));
  validate.listContainers(
    ListContainersRequest.fromPartial({ filter: { state: {}, labelSelector: { a: "b" } } }),
  );
  validate.listImages(ListImagesRequest.fromPartial({ filter: { image: { image: "" } } }));
  const state = { state: 8 as 0 };
  assert.throws(() => validate.listContainers(ListContainersRequest.fromPartial({ filter: { state } })), {
    message: /^filter\.state\.state: must be one of CONTAINER_CREATED, .*, is 8$/,
  });
});

test("a checkpoint has no negative time", () => {
  const checkpoint = (timeout: bigint) => () =>
    validate.checkpointContainer(
      CheckpointContainerRequest.fromPartial({ containerId: "a", location: "/a", timeout }),
    );
  checkpoint(0n)();
  assert.throws(checkpoint(-1n), /timeout: must be between 0/);
});

test("an exec has a command and a stream, and a terminal has no stderr", () => {
  const exec = (changes: Partial<ExecRequest>) => () =>
    validate.exec(ExecRequest.fromPartial({ containerId: "a", cmd: ["sh"], stdout: true, ...changes }));
  exec({})();
  exec({ tty: true, stdin: true })();
  assert.throws(exec({ cmd: [] }), { message: "cmd: must not be empty" });
  assert.throws(exec({ stdout: false }), /one of stdin, stdout and stderr must be set/);
  assert.throws(exec({ tty: true, stderr: true }), /^CriError: stderr: must not be set with tty/);
});

test("ports to forward are real ports", () => {
  validate.portForward(PortForwardRequest.fromPartial({ podSandboxId: "a", port: [] }));
  assert.throws(
    () => validate.portForward(PortForwardRequest.fromPartial({ podSandboxId: "a", port: [80, 0] })),
    {
      message: "port[1]: must be between 1 and 65535, is 0",
    },
  );
});

test("an image must be named in one word", () => {
  assert.throws(() => validate.image({ image: undefined }), { message: "image: must be set" });
  assert.throws(() => validate.pullImage(PullImageRequest.fromPartial({ image: { image: "" } })), {
    message: "image.image: must not be empty",
  });
  assert.throws(
    () => validate.pullImage(PullImageRequest.fromPartial({ image: { image: "a b" } })),
    /image\.image: must not contain white space/,
  );
});

test("a kubelet's pod annotations may travel with the image", () => {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(200_000) };
  validate.pullImage(PullImageRequest.fromPartial({ image: { image: "busybox", annotations } }));
});

test("credentials are never quoted", () => {
  const request = PullImageRequest.fromPartial({
    image: { image: "a" },
    auth: { identityToken: "hush\nhush" },
  });
  assert.throws(
    () => validate.pullImage(request),
    (error: Error) => error.message.startsWith("auth.identity_token: ") && !error.message.includes("hush"),
  );
});

test("a pod CIDR is empty, a range, or two", () => {
  const check = (podCidr: string) =>
    validate.updateRuntimeConfig(
      UpdateRuntimeConfigRequest.fromPartial({ runtimeConfig: { networkConfig: { podCidr } } }),
    );
  validate.updateRuntimeConfig(UpdateRuntimeConfigRequest.fromPartial({}));
  for (const cidr of ["", "10.88.0.0/16", "10.88.0.0/16,fd00::/64"]) check(cidr);
  for (const cidr of ["10.88.0.0", "10.88.0.0/33", "x/8", "10.0.0.0/8,", "fd00::/129"]) {
    assert.throws(() => check(cidr), /^CriError: runtime_config\.network_config\.pod_cidr: must be ranges/);
  }
});
