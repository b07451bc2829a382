import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { status } from "@grpc/grpc-js";
import {
  SecurityProfileBase_BaseType as BaseType,
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  PullSecurityProfileRequest,
  SecurityProfileKind,
} from "../src/ground/protocol/index.ts";
import { artifactOf, profileArtifact, seccompConfigType } from "../src/testing/artifacts.ts";
import type { TestImage } from "../src/testing/images.ts";
import { pushImage, startRegistry } from "../src/testing/registry.ts";
import type { TestBerth } from "./support/berth.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { perlLayer } from "./support/perl.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { outcomesIn } from "./support/system-calls.ts";
import { withBerth } from "./support/with-berth.ts";

/** Allows everything except creating directories, which fails with EDQUOT. */
const noDirectories = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 122 }],
};

function pull(berth: TestBerth, reference: string, profileKind: number = SecurityProfileKind.Seccomp) {
  const image = { image: reference, userSpecifiedImage: reference };
  const request = PullSecurityProfileRequest.fromPartial({
    image,
    profileKind: profileKind as SecurityProfileKind,
  });
  return berth.clients.images.pullSecurityProfile(request);
}

const ofRegistry = (ociRef: string, baseProfile?: object) => ({
  seccomp: { profileType: ProfileType.OCI, ociRef, ...(baseProfile && { baseProfile }) },
});
const onFile = (localhostRef: string) => ({ type: BaseType.Localhost, localhostRef });

describe("a security profile from a registry", () => {
  const host = withBerth();
  let pushed = 0;

  /** Creates a repository with an artifact; returns its reference with the digest. */
  async function push(artifact: TestImage): Promise<string> {
    const repository = `profiles/p${++pushed}`;
    await pushImage(host.registry, repository, "v1", artifact);
    return `${host.registry.host}/${repository}@${artifact.target.digest}`;
  }

  const list = async () => (await host.berth.clients.images.listSecurityProfiles({})).profiles;

  it("is pulled once, listed with all its references, and can be removed repeatedly", async () => {
    const { images } = host.berth.clients;
    const artifact = profileArtifact({ ...noDirectories, flags: [] });
    const reference = await push(artifact);
    assert.deepEqual(await pull(host.berth, reference), { cached: false });
    assert.deepEqual(await pull(host.berth, reference), { cached: true });
    const text = JSON.stringify({ ...noDirectories, flags: [] });
    const [found, ...others] = await list();
    assert.deepEqual([found?.refs, found?.size, others], [[reference], BigInt(text.length), []]);
    const elsewhere = await push(artifact);
    assert.deepEqual(await pull(host.berth, elsewhere), { cached: true }, "its digest is here");
    assert.deepEqual((await list())[0]?.refs, [reference, elsewhere]);
    assert.deepEqual((await images.listImages({ filter: undefined })).images.length, 1, "it is no image");
    const digest = found?.digest ?? "";
    for (let time = 0; time < 2; time++) await images.removeSecurityProfile({ digest });
    assert.deepEqual(await list(), []);
    assert.deepEqual(await pull(host.berth, reference), { cached: false });
    await images.removeSecurityProfile({ digest });
  });

  it("is available without its registry, even after a restart of the daemon", async () => {
    let reference = "";
    {
      await using registry = await startRegistry();
      const artifact = profileArtifact(noDirectories);
      await pushImage(registry, "away", "v1", artifact);
      reference = `${registry.host}/away@${artifact.target.digest}`;
      await pull(host.berth, reference);
    }
    await host.berth.restartDaemon();
    assert.deepEqual(await pull(host.berth, reference), { cached: true });
    const pod = await TestPod.run(host.berth, "away");
    const linux = { securityContext: ofRegistry(reference) };
    const output = await pod.output("main", host.image, "mkdir /tmp/x 2>&1; echo done", { linux });
    assert.match(output, /quota exceeded[\s\S]*done/i);
    const missing = reference.replace(/sha256:..../, "sha256:0000");
    await assert.rejects(pull(host.berth, missing), {
      code: status.UNAVAILABLE,
      details: /^RegistryUnavailable: /,
    });
  });

  it("is rejected permanently if the artifact contains none, or one with uncertain meaning", async () => {
    const layer = { mediaType: "application/json", bytes: Buffer.from(JSON.stringify(noDirectories)) };
    const unclear = {
      ...noDirectories,
      syscalls: [
        { names: ["mkdir"], action: "SCMP_ACT_ERRNO" },
        { names: ["mkdir"], action: "SCMP_ACT_LOG" },
      ],
    };
    const large = profileArtifact(`{"defaultAction": "SCMP_ACT_ALLOW"}${" ".repeat(2 ** 20)}`);
    const bad: readonly (readonly [TestImage, RegExp])[] = [
      [artifactOf({ layers: [layer] }), /it is not a seccomp profile: its media types are/],
      [
        artifactOf({
          configType: seccompConfigType,
          layers: [layer, { ...layer, bytes: Buffer.from("{}") }],
        }),
        /has 2 layers/,
      ],
      [profileArtifact("{"), /cannot be read/],
      [profileArtifact("[]"), /must be an object/],
      [profileArtifact({ defaultAction: "SCMP_ACT_NOTIFY" }), /needs a supervisor process/],
      [
        profileArtifact({
          ...noDirectories,
          archMap: [{ architecture: "SCMP_ARCH_X86_64", subArchitectures: [] }],
        }),
        /excludes belong to Docker's templates/,
      ],
      [profileArtifact(unclear), /system call mkdir: two rules with different actions/],
      [large, /has 10486\d\d bytes, more than the allowed 1048576/],
      [await busyboxImage(), /it is not a seccomp profile/],
    ];
    for (const [artifact, problem] of bad) {
      await assert.rejects(pull(host.berth, await push(artifact)), ({ code, details }) => {
        assert.deepEqual([code, details.slice(0, 24)], [status.INVALID_ARGUMENT, "SecurityProfileInvalid: "]);
        return problem.test(details);
      });
    }
    const absent = (await push(profileArtifact(noDirectories))).replace(/sha256:..../, "sha256:0000");
    await assert.rejects(pull(host.berth, absent), {
      code: status.NOT_FOUND,
      details: /^RegistryUnavailable: /,
    });
  });

  it("prevents a container from starting if it was not pulled, and from being created without its base", async () => {
    const reference = await push(profileArtifact(noDirectories));
    const pod = await TestPod.run(host.berth, "absent");
    const create = (securityContext: object) =>
      pod.create(shellConfig("main", host.image, "true", { linux: { securityContext } }));
    await assert.rejects(create(ofRegistry(reference)), {
      code: status.NOT_FOUND,
      details: /pull it/,
    });
    await assert.rejects(
      TestPod.run(host.berth, "sandbox", { linux: { securityContext: ofRegistry(reference) } }),
      {
        code: status.NOT_FOUND,
      },
    );
    await pull(host.berth, reference);
    await assert.rejects(create(ofRegistry(reference, onFile("/nowhere.json"))), {
      code: status.FAILED_PRECONDITION,
      details: /nowhere\.json/,
    });
  });

  it("stays in force for a running container after its removal", async () => {
    const reference = await push(profileArtifact({ ...noDirectories, flags: [] }));
    await pull(host.berth, reference);
    const digest = (await list()).find(({ refs }) => refs.includes(reference))?.digest ?? "";
    const pod = await TestPod.run(host.berth, "removed");
    const linux = { securityContext: ofRegistry(reference) };
    const running = await pod.shell("running", host.image, "exec sleep 1000", { linux });
    const waiting = await pod.create(shellConfig("waiting", host.image, "true", { linux }));
    await host.berth.clients.images.removeSecurityProfile({ digest });
    const tried = await execSync(host.berth, running, "sh", "-c", "mkdir /tmp/x 2>&1 || true");
    assert.match(tried, /quota exceeded/i);
    await host.berth.clients.runtime.containerStatus({ containerId: running, verbose: true });
    await assert.rejects(host.berth.clients.runtime.startContainer({ containerId: waiting }), /pull it/);
  });

  it("also applies to the pod's pause process, if there is one", async () => {
    const reference = await push(profileArtifact(noDirectories));
    await pull(host.berth, reference);
    const shared = { network: NamespaceMode.POD, pid: NamespaceMode.POD, ipc: NamespaceMode.POD };
    const pod = await TestPod.run(host.berth, "pause", {
      linux: { securityContext: { ...ofRegistry(reference), namespaceOptions: shared } },
    });
    const linux = { securityContext: { namespaceOptions: shared } };
    assert.match(await pod.output("main", host.image, "grep ^Seccomp: /proc/1/status", { linux }), /\t2/);
  });

  it("is listed in Status", async () => {
    const { features } = await host.berth.clients.runtime.status({ verbose: false });
    assert.equal(features?.seccompProfileOci, true);
  });
});

describe("a security profile from a registry and its base", () => {
  const host = withBerth();
  let image = "";
  let pod: TestPod;
  before(async () => {
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers: [await perlLayer()] }));
    image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    pod = await TestPod.run(host.berth, "pairs");
  });

  it("include the default profile, unless another one is named", async () => {
    const reference = `${host.registry.host}/allow@${await pushed({ defaultAction: "SCMP_ACT_ALLOW" })}`;
    await pull(host.berth, reference);
    const calls = [
      { name: "reboot", number: 169, args: [0, 0, 0, 0] },
      { name: "getpid", number: 39, args: [] },
    ];
    const outcomes = await outcomesIn(host.berth, pod, "default", image, calls, ofRegistry(reference));
    assert.deepEqual(Object.fromEntries(outcomes), { reboot: "errno 1", getpid: "errno 0" });
    await eventually("it is listed", async () =>
      (await host.berth.clients.images.listSecurityProfiles({})).profiles.some(({ refs }) =>
        refs.includes(reference),
      ),
    );
  });

  async function pushed(profile: object): Promise<string> {
    const artifact = profileArtifact(profile);
    await pushImage(host.registry, "allow", "v1", artifact);
    return artifact.target.digest;
  }
});
