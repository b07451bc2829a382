import { execFile } from "node:child_process";
import { chmod, copyFile, link, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ImageOptions, imageOf, type TestEntry, type TestImage } from "../../src/testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";

/** Debian's busybox-static. */
export const busyboxProgram = "/bin/busybox";

/** An image with a static busybox, a hard link for each of its applets, and a root and an app user. */
export async function busyboxImage(options: ImageOptions = {}): Promise<TestImage> {
  const layer: TestEntry[] = [
    ...directories.map(directory),
    { name: "bin/busybox", mode: 0o755, content: await readFile(busyboxProgram) },
    ...(await applets()).map(
      (name): TestEntry => ({ name: `bin/${name}`, mode: 0o755, type: "link", linkname: "bin/busybox" }),
    ),
    ...Object.entries(users).map(([name, content]) => ({ name, content })),
  ];
  return imageOf({ ...options, layers: [layer, ...(options.layers ?? [])] });
}

/** The same files in a directory. */
export async function busyboxTree(root: string): Promise<void> {
  for (const name of directories) await mkdir(join(root, name), { mode: 0o755 });
  await chmod(join(root, "tmp"), 0o1777);
  await copyFile(busyboxProgram, join(root, "bin", "busybox"));
  for (const name of await applets()) await link(join(root, "bin", "busybox"), join(root, "bin", name));
  for (const [name, content] of Object.entries(users)) await writeFile(join(root, name), content);
}

const directories = ["bin", "etc", "dev", "proc", "sys", "tmp", "var", "home"];
const users = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home:/bin/sh\n",
  "etc/group": "root:x:0:\napp:x:1001:\nextra:x:2000:app\n",
};

async function applets(): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(busyboxProgram, ["--list"]);
  return stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
}

function directory(name: string): TestEntry {
  return { name, type: "directory", mode: name === "tmp" ? 0o1777 : 0o755 };
}

/** A registry with `busybox:latest`, and the image's name for clients. */
export async function startBusyboxRegistry(): Promise<TestRegistry & { readonly image: string }> {
  const registry = await startRegistry();
  await pushImage(registry, "busybox", "latest", await busyboxImage());
  return { ...registry, image: `${registry.host}/busybox:latest` };
}
