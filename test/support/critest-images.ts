import { readFile } from "node:fs/promises";
import type { TestEntry, TestImage } from "../../src/testing/images.ts";
import { pushImage, type TestRegistry } from "../../src/testing/registry.ts";
import { busyboxImage, busyboxProgram } from "./busybox.ts";

const standinProgram = new URL("../../.conformance/standin", import.meta.url).pathname;
const e2e = "e2e-test-images";
const staging = "k8s-staging-cri-tools";

/**
 * Puts stand-ins for the public images that critest uses into a registry, under the paths they have there.
 */
export async function pushCritestImages(registry: TestRegistry): Promise<void> {
  for (const [name, image] of await standIns()) {
    const [repository = "", tag = "latest"] = name.split(":");
    await pushImage(registry, repository, tag, image);
  }
}

async function standIns(): Promise<readonly (readonly [name: string, image: TestImage])[]> {
  const standin = await readFile(standinProgram);
  const marked = (text: string) => busyboxImage({ layers: [[{ name: "marker", content: text }]] });
  const userIs = (user: string) => busyboxImage({ layers: [passwd], config: { User: user } });
  const serving = (port: number) =>
    busyboxImage({
      layers: [[directory("run"), link("var/run", "../run"), executable("usr/sbin/nginx", standin)]],
      // critest looks for nginx's title in the command line.
      config: { Cmd: ["/usr/sbin/nginx", "serve", `${port}`, "master process"] },
    });
  const same = await marked("tags");
  return [
    [`${e2e}/busybox:1.29-2`, await busyboxImage({ layers: [[...passwd, ...tools, await shell()]] })],
    [`${e2e}/nginx:1.14-2`, await serving(80)],
    [`${e2e}/httpd:2.4.39-4`, await serving(80)],
    [`${staging}/hostnet-nginx-amd64`, await serving(12003)],
    [
      `${e2e}/nonewprivs:1.3`,
      await busyboxImage({
        layers: [[{ ...executable("nnp", standin), mode: 0o4755 }]],
        config: { Cmd: ["/nnp", "uid"] },
      }),
    ],
    ["pause:3.9", await busyboxImage({ config: { Cmd: ["/bin/sleep", "1000000"] } })],
    [`${staging}/test-image-user-uid`, await userIs("1002")],
    [`${staging}/test-image-user-username`, await userIs("www-data")],
    [`${staging}/test-image-user-uid-group`, await userIs("1003:users")],
    [`${staging}/test-image-user-username-group`, await userIs("www-data:www-data")],
    [`${staging}/test-image-predefined-group`, await userIs("1000")],
    [`${staging}/test-image-latest`, await marked("latest")],
    [`${staging}/test-image-tag:test`, await marked("test")],
    [`${staging}/test-image-tag:all`, await marked("all")],
    [`${staging}/test-image-1`, await marked("1")],
    [`${staging}/test-image-2`, await marked("2")],
    [`${staging}/test-image-3`, await marked("3")],
    [`${staging}/test-image-tags:1`, same],
    [`${staging}/test-image-tags:2`, same],
    [`${staging}/test-image-tags:3`, same],
  ];
}

/**
 * critest hides /bin/ls and expects the shell to fail because of that. Debian's busybox would run its own
 * `ls` without a look at the file: the shell's copy has no applet with that name.
 */
async function shell(): Promise<TestEntry> {
  const program = await readFile(busyboxProgram, "latin1");
  const [table, without] = ["\0losetup\0ls\0", "\0losetup\0lr\0"];
  if (!program.includes(table)) throw new Error(`${busyboxProgram}: no table of applets with ls in it`);
  return executable("bin/sh", Buffer.from(program.replace(table, without), "latin1"));
}

/** The users of the public test images. */
const passwd: readonly TestEntry[] = [
  {
    name: "etc/passwd",
    content: `root:x:0:0::/root:/bin/sh
www-data:x:33:33::/:/bin/sh
default-user:x:1000:1000::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
`,
  },
  {
    name: "etc/group",
    content: `root:x:0:
www-data:x:33:
users:x:100:
default-user:x:1000:
group-defined-in-image:x:50000:default-user
nobody:x:65534:
`,
  },
];

/** Applets that critest calls and that Debian's busybox lacks. */
const tools: readonly TestEntry[] = [
  executable("bin/pgrep", '#!/bin/sh\nexec pidof "$1"\n'),
  executable("bin/ipcs", "#!/bin/sh\nexec cat /proc/sysvipc/shm\n"),
];

function executable(name: string, content: string | Uint8Array): TestEntry {
  return { name, mode: 0o755, content };
}

function directory(name: string): TestEntry {
  return { name, type: "directory", mode: 0o755 };
}

function link(name: string, linkname: string): TestEntry {
  return { name, type: "symlink", linkname };
}
