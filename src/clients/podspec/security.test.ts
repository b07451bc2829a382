import assert from "node:assert/strict";
import test from "node:test";
import { SecurityProfile_ProfileType } from "../../ground/protocol/index.ts";
import { containerSecurity } from "./security.ts";

test("AppArmor's old annotation applies after the container's field, and before the pod's", () => {
  const apparmor = (annotation: string | undefined, own = false) => {
    const container = {
      name: "main",
      image: "image",
      ...(own ? { securityContext: { appArmorProfile: { type: "Unconfined" } } as const } : {}),
    };
    const annotations =
      annotation === undefined ? {} : { "container.apparmor.security.beta.kubernetes.io/main": annotation };
    const pod = {
      metadata: { name: "pod", namespace: "default", uid: "uid", labels: {}, annotations },
      spec: {
        containers: [container],
        securityContext: { appArmorProfile: { type: "RuntimeDefault" } } as const,
      },
      startTimeNs: 0n,
    };
    const found = containerSecurity(pod, container, undefined).apparmor;
    return [found?.profileType, found?.localhostRef];
  };
  const { RuntimeDefault, Unconfined, Localhost } = SecurityProfile_ProfileType;
  assert.deepEqual(apparmor(undefined), [RuntimeDefault, ""]);
  assert.deepEqual(apparmor("unconfined"), [Unconfined, ""]);
  assert.deepEqual(apparmor("localhost/own"), [Localhost, "own"]);
  assert.deepEqual(apparmor("runtime/default", true), [Unconfined, ""]);
  assert.throws(() => apparmor("nonsense"), /"nonsense" in the annotation of container main is not valid/);
});
