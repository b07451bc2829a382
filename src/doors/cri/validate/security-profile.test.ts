import assert from "node:assert/strict";
import { test } from "node:test";
import {
  SecurityProfileBase_BaseType as BaseType,
  SecurityProfile_ProfileType as ProfileType,
  SecurityProfile,
} from "../../../ground/protocol/index.ts";
import { appArmorProfile, seccompProfile } from "./security-profile.ts";

type Profile = Parameters<typeof SecurityProfile.fromPartial>[0];

const seccomp = (profile: Profile) => () => seccompProfile(SecurityProfile.fromPartial(profile), "seccomp");
const appArmor = (profile: Profile) => () =>
  appArmorProfile(SecurityProfile.fromPartial(profile), "apparmor");
const refused = (message: RegExp) => ({ code: "InvalidArgument", message });

const ociRef = `registry.example/profile@sha256:${"ab".repeat(32)}`;
const oci = { profileType: ProfileType.OCI, ociRef };

test("a profile of a registry is named with its digest, and is of seccomp", () => {
  seccomp(oci)();
  assert.throws(seccomp({ ...oci, ociRef: "" }), refused(/^seccomp\.oci_ref: /));
  assert.throws(
    seccomp({ ...oci, ociRef: "registry.example/profile:v1" }),
    refused(/^seccomp\.oci_ref: must be/),
  );
  assert.throws(seccomp({ ...oci, ociRef: "registry.example/p@md5:00" }), refused(/^seccomp\.oci_ref: /));
  assert.throws(appArmor(oci), refused(/^apparmor\.profile_type: must be one of .*, is OCI/));
  assert.throws(seccomp({ profileType: 4 as ProfileType }), refused(/^seccomp\.profile_type: /));
});

test("what is said of one type of profile is refused with another", () => {
  const local = { profileType: ProfileType.Localhost, localhostRef: "/p.json" };
  for (const check of [seccomp, appArmor]) {
    assert.throws(
      check({ ...local, ociRef }),
      refused(/\.oci_ref: must not be set unless profile_type is OCI/),
    );
    assert.throws(
      check({ baseProfile: {} }),
      refused(/\.base_profile: must not be set/),
      "also an empty one",
    );
    assert.throws(check({ localhostRef: "/p.json" }), refused(/\.localhost_ref: must not be set/));
    assert.throws(check({ profileType: ProfileType.Localhost }), refused(/\.localhost_ref: must name/));
  }
  assert.throws(
    seccomp({ ...oci, localhostRef: "/p.json" }),
    refused(/^seccomp\.localhost_ref: must not be set/),
  );
});

test("a base is the default profile, or a file that is named", () => {
  const on = (baseProfile: Profile["baseProfile"]) => seccomp({ ...oci, baseProfile });
  on({})();
  on({ type: BaseType.Localhost, localhostRef: "/base.json" })();
  const path = /^seccomp\.base_profile\.localhost_ref: /;
  assert.throws(on({ type: BaseType.Localhost }), refused(path));
  assert.throws(on({ localhostRef: "/base.json" }), refused(path));
  assert.throws(on({ type: 2 as BaseType }), refused(/^seccomp\.base_profile\.type: /));
});
