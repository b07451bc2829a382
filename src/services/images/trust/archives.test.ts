import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { imageOf } from "../../../testing/images.ts";
import { pushImage, startRegistry } from "../../../testing/registry.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { openStack, type TestStack } from "../testing/stack.ts";

const run = promisify(execFile);
const accept = [{ type: "insecureAcceptAnything" }];
const reject = [{ type: "reject" }];
const signed = [{ type: "signedBy", keyType: "GPGKeys", keyData: "AAAA" }];

describe("an archive under a signature policy", () => {
  let directory: Awaited<ReturnType<typeof tempDir>>;
  let policy: string;
  let stack: TestStack;
  /** By transport. */
  let archives: Readonly<Record<"oci-archive" | "docker-archive" | "oci", string>>;
  before(async () => {
    directory = await tempDir();
    policy = join(directory.path, "policy.json");
    stack = await openStack({ trust: { policy, registriesDir: directory.path } });
    await mkdir(join(directory.path, "images"));
    await symlink("images", join(directory.path, "link"));
    const at = (name: string) => join(directory.path, "link", name);
    archives = { "oci-archive": at("oci.tar"), "docker-archive": at("docker.tar"), oci: at("layout") };
    await using registry = await startRegistry();
    await pushImage(registry, "app", "v1", await imageOf());
    for (const [transport, path] of Object.entries(archives))
      await run("skopeo", [
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        `docker://${registry.host}/app:v1`,
        `${transport}:${path}:example.com/app:v1`,
      ]);
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  const under = (document: object): Promise<void> => writeFile(policy, JSON.stringify(document));
  const load = (transport: keyof typeof archives) => stack.images.importArchive(archives[transport]);
  const send = async (transport: "oci-archive" | "docker-archive"): Promise<void> => {
    const bytes = await readFile(archives[transport]);
    const request = {
      archive: (async function* () {
        yield bytes;
      })(),
      wanted: { platforms: [], allMetadata: false },
      unpack: true,
      onProgress: () => undefined,
      name: async () => undefined,
    };
    await stack.images.transfers.load(request, new AbortController().signal);
  };

  test("is accepted and refused as by skopeo, by transport, path and default", async () => {
    const images = join(directory.path, "images");
    const cases: readonly object[] = [
      { default: accept },
      { default: reject },
      { default: signed },
      { default: accept, transports: { docker: { "": reject } } },
      ...Object.entries(archives).flatMap(([transport]) => [
        { default: reject, transports: { [transport]: { "": accept } } },
        { default: accept, transports: { [transport]: { "": reject } } },
        { default: accept, transports: { [transport]: { "": signed } } },
      ]),
      { default: reject, transports: { "oci-archive": { [join(images, "oci.tar")]: accept } } },
      {
        default: reject,
        transports: { "oci-archive": { [images]: accept, [join(images, "oci.tar")]: reject } },
      },
      { default: reject, transports: { oci: { [images]: accept, "": reject } } },
      { default: accept, transports: { oci: { [directory.path]: reject, [`${images}2`]: accept } } },
    ];
    const outcomes: string[] = [];
    for (const document of cases) {
      await under(document);
      for (const transport of ["oci-archive", "docker-archive", "oci"] as const) {
        const source = `${transport}:${archives[transport]}:example.com/app:v1`;
        const target = `dir:${freshName(directory.path)}`;
        const theirs = await outcome(run("skopeo", ["--policy", policy, "copy", source, target]));
        const ours = await outcome(load(transport));
        assert.equal(ours, theirs, `${transport} under ${JSON.stringify(document)}`);
        outcomes.push(ours);
      }
    }
    assert.deepEqual(new Set(outcomes), new Set(["taken", "refused"]));
  });

  test("that is refused fails with the reason, and leaves nothing", async () => {
    await using fresh = await openStack({ trust: { policy, registriesDir: directory.path } });
    await under({ default: signed });
    await assert.rejects(fresh.images.importArchive(archives["docker-archive"]), {
      code: "PermissionDenied",
      message:
        /^SignatureValidationFailed: docker-archive:.*docker\.tar: a signature is required, and archives have none.*\(policy .*policy\.json\)/,
    });
    await writeFile(policy, "{}");
    await assert.rejects(fresh.images.importArchive(archives.oci), {
      code: "FailedPrecondition",
      message: /^SignatureValidationFailed: oci:.*layout cannot be checked: .*policy\.json/,
    });
    assert.deepEqual([fresh.content.list(), fresh.snapshotter.list(), fresh.images.list()], [[], [], []]);
  });

  test("that comes over a connection only has the requirements of its transport", async () => {
    const images = join(directory.path, "images");
    await under({ default: reject, transports: { "oci-archive": { [images]: accept } } });
    await assert.rejects(send("oci-archive"), {
      message:
        /^SignatureValidationFailed: oci-archive:an archive that was sent: images of this scope are rejected/,
    });
    await under({ default: reject, transports: { "oci-archive": { "": accept } } });
    await send("oci-archive");
    await assert.rejects(send("docker-archive"), { code: "PermissionDenied" });
    const sent = (path: string) => stack.images.importArchive(path, undefined, { sent: true });
    await sent(archives["oci-archive"]);
    await assert.rejects(sent(archives["docker-archive"]), {
      message: /docker-archive:an archive that was sent/,
    });
  });
});

let made = 0;
function freshName(directory: string): string {
  return join(directory, `copy-${made++}`);
}

async function outcome(tried: Promise<unknown>): Promise<"taken" | "refused"> {
  try {
    await tried;
    return "taken";
  } catch (error) {
    const { message, stderr = "" } = error as Error & { readonly stderr?: string };
    assert.match(`${message}${stderr}`, /rejected by policy|signature.* required|SignatureValidationFailed/i);
    return "refused";
  }
}
