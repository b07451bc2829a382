import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type ImageOptions, imageOf, type TestEntry, type TestImage } from "../../src/testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";

/** Debian's busybox-static. */
export const busyboxProgram = "/bin/busybox";

/** An image with a static busybox, a hard link for each of its applets, and a root and an app user. */
export async function busyboxImage(options: ImageOptions = {}): Promise<TestImage> {
  const { stdout } = await promisify(execFile)(busyboxProgram, ["--list"]);
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
  const layer: TestEntry[] = [
    ...["bin", "etc", "dev", "proc", "sys", "tmp", "var", "home"].map(directory),
    { name: "bin/busybox", mode: 0o755, content: await readFile(busyboxProgram) },
    ...applets.map(
      (name): TestEntry => ({ name: `bin/${name}`, mode: 0o755, type: "link", linkname: "bin/busybox" }),
    ),
    { name: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home:/bin/sh\n" },
    { name: "etc/group", content: "root:x:0:\napp:x:1001:\nextra:x:2000:app\n" },
  ];
  return imageOf({ ...options, layers: [layer, ...(options.layers ?? [])] });
}

function directory(name: string): TestEntry {
  return { name, type: "directory", mode: name === "tmp" ? 0o1777 : 0o755 };
}

/** A registry that holds `busybox:latest`, and its name as a client writes it. */
export async function startBusyboxRegistry(): Promise<TestRegistry & { readonly image: string }> {
  const registry = await startRegistry();
  await pushImage(registry, "busybox", "latest", await busyboxImage());
  return { ...registry, image: `${registry.host}/busybox:latest` };
}
