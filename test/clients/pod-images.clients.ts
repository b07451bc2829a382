/**
 * Images that an unmodified nerdctl, buildkitd or ctr brings into CRI's namespace: berth's CRI shows them as
 * containerd's does, can run them at once, and removes them.
 */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { startContainerd } from "../../bench/containerd.ts";
import type { Peer } from "../../bench/peer.ts";
import { criNamespace } from "../../src/engines/engine/index.ts";
import { ImageSpec } from "../../src/ground/protocol/index.ts";
import { TestBuildkit } from "../support/buildkit.ts";
import { clientProgram } from "../support/client-programs.ts";
import type { CriClients } from "../support/clients.ts";
import { eventually } from "../support/condition.ts";
import { TestPod } from "../support/pod.ts";
import { ClientPrograms, withClients } from "../support/with-clients.ts";

/** A daemon with its CRI, and the programs that use it. */
type Node = { readonly programs: ClientPrograms; readonly cri: CriClients["images"] };

describe("images that clients of containerd bring for pods", () => {
  const host = withClients({}, criNamespace);
  let peer: Peer;
  let peerPrograms: ClientPrograms;
  before(async () => {
    peer = await startContainerd("127.0.0.1/none:none", { programs: clientProgram("") });
    peerPrograms = new ClientPrograms(peer, criNamespace);
    await mkdir(peerPrograms.path("home"));
  });
  after(async () => {
    await peerPrograms?.removeTasks();
    await peer?.[Symbol.asyncDispose]();
  });
  const nodes = (): readonly [Node, Node] => [
    { programs: host.programs, cri: host.berth.clients.images },
    { programs: peerPrograms, cri: peer.clients.images },
  ];

  /** A way to bring an image under a name that another program has given it. */
  const ways: Readonly<Record<string, (programs: ClientPrograms, name: string) => Promise<unknown>>> = {
    "nerdctl build": build,
    "nerdctl load": async (programs, name) => {
      const archive = await saved(programs, name);
      await programs.nerdctl("load", "-q", "-i", archive);
    },
    "nerdctl pull": async (programs, name) => {
      await programs.nerdctl("tag", host.image, name);
      await programs.nerdctl("push", "-q", name);
      await programs.nerdctl("rmi", name);
      await programs.nerdctl("pull", "-q", name);
    },
    "nerdctl commit": async (programs, name) => {
      const script = "adduser -D other; exec sleep 1000";
      await programs.nerdctl(
        ...["run", "-d", "--name", "changed", "--network", "none", host.image, "sh", "-c", script],
      );
      await programs.nerdctl("commit", "--change", 'CMD ["sh"]', "changed", name);
      await programs.nerdctl("rm", "-f", "changed");
    },
    "nerdctl tag": (programs, name) => programs.nerdctl("tag", host.image, name),
    "ctr images import": async (programs, name) => {
      const archive = await saved(programs, name);
      await programs.ctr("images", "import", archive);
    },
    "ctr images import with names of digests": async (programs, name) => {
      const archive = await saved(programs, name);
      await programs.ctr("images", "import", "--local", "--digests", "--all-platforms", archive);
    },
    "ctr images pull": async (programs, name) => {
      await programs.ctr("images", "tag", host.image, name);
      await programs.ctr("images", "push", "--plain-http", name);
      await programs.ctr("images", "rm", name);
      await programs.ctr("images", "pull", "--plain-http", name);
    },
    "ctr images tag, with a short name": (programs, name) =>
      programs.ctr("images", "tag", host.image, name.replace(/^.*\//, "")),
    "ctr images label, which pins it": async (programs, name) => {
      await programs.ctr("images", "tag", host.image, name);
      await programs.ctr("images", "label", name, "io.cri-containerd.pinned=pinned");
    },
  };

  async function build(programs: ClientPrograms, name: string): Promise<void> {
    await using buildkit = await TestBuildkit.start(programs.berth.socket, criNamespace);
    const context = programs.path("context");
    await mkdir(context);
    await writeFile(`${context}/Dockerfile`, `FROM ${host.image}\nRUN echo built > /built\nUSER 1000:1001\n`);
    await programs.nerdctl("build", "--buildkit-host", buildkit.address, "-t", name, context);
  }

  /** An archive that has the registry's image under a name. */
  async function saved(programs: ClientPrograms, name: string): Promise<string> {
    const archive = programs.path("saved.tar");
    await programs.nerdctl("tag", host.image, name);
    await programs.nerdctl("save", "-o", archive, name);
    await programs.nerdctl("rmi", name);
    return archive;
  }

  /** CRI's status of an image by its name, without what differs between any two builds. */
  async function told({ programs, cri }: Node, name: string, isBuilt: boolean) {
    const status = async () =>
      (await cri.imageStatus({ image: ImageSpec.fromPartial({ image: name }), verbose: false })).image;
    // containerd's CRI learns of it from an event.
    const image = await eventually("CRI has the image", status);
    const { images } = await cri.listImages({ filter: undefined });
    assert.deepEqual(
      images.find(({ id }) => id === image.id),
      image,
    );
    const { id, size, repoTags, repoDigests, ...facts } = image;
    const labels = await programs.ctr("images", "ls", `name==${name}`);
    return {
      ...facts,
      repoTags: repoTags.toSorted(),
      repoDigests: repoDigests.toSorted().filter((digest) => !digest.includes("/import")),
      ...(isBuilt ? {} : { id, size }),
      labels: labels.split("\n")[1]?.trim().split(/ +/).at(-1)?.split(",").toSorted(),
    };
  }

  /** So that both start with the same images. */
  async function clear({ cri }: Node): Promise<void> {
    const { images } = await cri.listImages({ filter: undefined });
    for (const { id } of images) await cri.removeImage({ image: ImageSpec.fromPartial({ image: id }) });
  }

  for (const [how, bring] of Object.entries(ways)) {
    it(`has, runs and removes what ${how} has brought, as containerd does`, async () => {
      const repository = how.replaceAll(/\W+/g, "-");
      const isShort = how.includes("short");
      const name = isShort ? `docker.io/library/${repository}:1` : `${host.registry.host}/${repository}:1`;
      const seen = [];
      // containerd's CRI shows a short name as its full name, but does not find or remove it.
      for (const node of isShort ? nodes().slice(0, 1) : nodes()) {
        await clear(node);
        await node.programs.nerdctl("pull", "-q", host.image);
        await bring(node.programs, name);
        seen.push(await told(node, name, /build|commit/.test(how)));
      }
      if (!isShort) assert.deepEqual(seen[0], seen[1]);

      const [{ cri, programs }] = nodes();
      const image = ImageSpec.fromPartial({ image: name });
      const { id = "" } = (await cri.imageStatus({ image, verbose: false })).image ?? {};
      const pod = await TestPod.run(host.berth, repository);
      assert.equal(await pod.output("main", id, "echo ran"), "ran\n");
      // containerd's CRI keeps the names that `nerdctl load` gives, such as import@sha256:...
      await cri.removeImage({ image: ImageSpec.fromPartial({ image: id }) });
      const { images } = await cri.listImages({ filter: undefined });
      assert.deepEqual(
        images.filter((listed) => listed.id === id),
        [],
      );
      assert.doesNotMatch(await programs.ctr("images", "ls", "-q"), new RegExp(repository));
    });
  }
});
