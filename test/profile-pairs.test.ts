import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  SecurityProfileBase_BaseType as BaseType,
  SecurityProfile_ProfileType as ProfileType,
  PullSecurityProfileRequest,
  SecurityProfileKind,
} from "../src/ground/protocol/index.ts";
import { profileArtifact } from "../src/testing/artifacts.ts";
import { pushImage } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { busyboxImage } from "./support/busybox.ts";
import { Random } from "./support/chaos/random.ts";
import { probePrograms, probes32, probes64 } from "./support/filter-probes.ts";
import { perlLayer } from "./support/perl.ts";
import { TestPod } from "./support/pod.ts";
import { type Profile, type ProfilePair, randomPair } from "./support/profile-pairs.ts";
import { has32BitCalls, outcomesIn } from "./support/system-calls.ts";
import { withBerth } from "./support/with-berth.ts";

// More by hand: BERTH_PROFILE_PAIRS=100 BERTH_PROFILE_SEED=7 npm test -- test/profile-pairs.test.ts
const count = Number(process.env.BERTH_PROFILE_PAIRS ?? 8);
const seed = Number(process.env.BERTH_PROFILE_SEED ?? 1);

const probes = (await has32BitCalls(32)) ? [...probes32, ...probes64] : probes64;

type Outcomes = ReadonlyMap<string, string>;

/** With every capability, the kernel itself rejects no call before it has checked the arguments. */
const everything = { capabilities: { addCapabilities: ["ALL"] } };
const unconfined = { ...everything, seccomp: { profileType: ProfileType.Unconfined } };
const noSuchCall = "errno 38";
const notPermitted = "errno 1";

describe(`the kernel's result for every class of system call (seed ${seed})`, () => {
  const host = withBerth();
  let image = "";
  let pod: TestPod;
  let files: Awaited<ReturnType<typeof tempDir>>;
  let unfiltered: Outcomes = new Map();
  before(async () => {
    files = await tempDir();
    const layers = [await perlLayer(), probePrograms];
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers }));
    image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    pod = await TestPod.run(host.berth, "pairs");
    unfiltered = await outcomes("unfiltered", unconfined);
  });
  after(() => files[Symbol.asyncDispose]());

  const outcomes = (name: string, security: object): Promise<Outcomes> =>
    outcomesIn(host.berth, pod, name, image, probes, { ...everything, ...security });

  async function fileOf(name: string, profile: Profile): Promise<string> {
    const path = join(files.path, `${name}.json`);
    await writeFile(path, JSON.stringify(profile));
    return path;
  }

  const alone = async (name: string, profile: Profile | undefined): Promise<Outcomes> =>
    outcomes(name, {
      seccomp:
        profile === undefined
          ? { profileType: ProfileType.RuntimeDefault }
          : { profileType: ProfileType.Localhost, localhostRef: await fileOf(name, profile) },
    });

  async function together(name: string, { profile, base }: ProfilePair): Promise<Outcomes> {
    const artifact = profileArtifact(profile);
    await pushImage(host.registry, name, "v1", artifact);
    const ociRef = `${host.registry.host}/${name}@${artifact.target.digest}`;
    await host.berth.clients.images.pullSecurityProfile(
      PullSecurityProfileRequest.fromPartial({
        image: { image: ociRef, userSpecifiedImage: ociRef },
        profileKind: SecurityProfileKind.Seccomp,
      }),
    );
    const baseProfile = base && { type: BaseType.Localhost, localhostRef: await fileOf(`${name}-on`, base) };
    return outcomes(name, {
      seccomp: { profileType: ProfileType.OCI, ociRef, ...(baseProfile && { baseProfile }) },
    });
  }

  it("can be distinguished from the kernel's own errors", () => {
    assert.deepEqual(
      [...unfiltered.keys()],
      probes.map(({ name }) => name),
    );
    const own = [...unfiltered].filter(([, outcome]) => !/^errno \d{1,3}$/.test(outcome));
    assert.deepEqual(own, []);
    const refused = [...unfiltered].flatMap(([name, outcome]) => (outcome === notPermitted ? [name] : []));
    assert.ok(refused.length < probes.length / 10, `the kernel refuses ${refused}`);
  });

  const random = new Random(seed);
  for (let pair = 0; pair < count; pair++) {
    const { profile, base } = randomPair(random);
    it(`is the same under two profiles as under the stricter one alone (pair ${pair})`, async () => {
      const [first, second, both] = await Promise.all([
        alone(`profile-${pair}`, profile),
        alone(`base-${pair}`, base),
        together(`pair-${pair}`, { profile, base }),
      ]);
      const different = probes.flatMap(({ name }) => {
        const own = unfiltered.get(name) ?? "";
        // The filter's result cannot be distinguished from the kernel's own.
        if (own === notPermitted) return [];
        const of = (outcomes: Outcomes) => filtered(outcomes.get(name) ?? "nothing", own);
        const expected = stricter(of(first), of(second));
        const found = of(both);
        return found === expected ? [] : [`${name}: ${of(first)}, ${of(second)}, together ${found}`];
      });
      assert.deepEqual(different, [], JSON.stringify({ profile, base }));
    });
  }
});

/**
 * A number that the kernel never returns, or that a filter returns, too. A program's exit code has only eight
 * of its bits.
 */
const filters = /^errno (1|38|100[0-3]|23[2-5])$/;

/**
 * The filter's result; the kernel's own for a call need not be the same each time. Without a tracer, a call
 * that would be passed to one fails as not existing.
 */
function filtered(outcome: string, kernels: string): string {
  const isKernels = outcome === kernels || (outcome.startsWith("errno ") && !filters.test(outcome));
  return isKernels ? "passed" : outcome;
}

/** If both are equally strict, the first: its filter would be the newer one. */
function stricter(one: string, other: string): string {
  const rank = (outcome: string) => {
    const order = ["killed", "trapped", "errno", noSuchCall, "passed"];
    const at = order.indexOf(outcome);
    return at === -1 ? order.indexOf("errno") : at;
  };
  return rank(other) < rank(one) ? other : one;
}
