import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { pushImage, startRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { busyboxImage } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { handlerProgram, testHandler } from "./support/handler.ts";
import { perlLayer } from "./support/perl.ts";
import { TestPod } from "./support/pod.ts";

/**
 * Looks for processes of the pod that run a program from outside, opens that by /proc/PID/exe, lets the
 * process end, and then writes to it (CVE-2019-5736). Prints what it caught and the result of writing.
 */
const attacker = `
$| = 1;
my ($O_WRONLY, $O_RDWR, $O_NONBLOCK, $O_TRUNC, $O_APPEND) = (1, 2, 04000, 01000, 02000);
my (%held, %done);
while (1) {
  opendir my $proc, "/proc";
  for my $pid (grep /^[0-9]+$/, readdir $proc) {
    my $exe = "/proc/$pid/exe";
    my $link = readlink $exe;
    next if !defined $link or $link =~ m{^/(usr/bin/perl|bin/|pause)};
    if (!$held{"$pid $link"} and open my $file, "<", $exe) { $held{"$pid $link"} = $file }
    # The loader of the program waits at this FIFO.
    sysopen my $fifo, "/proc/$pid/root/etc/ld.so.preload", $O_WRONLY | $O_NONBLOCK if $held{"$pid $link"};
  }
  for my $key (keys %held) {
    my ($pid, $link) = split / /, $key, 2;
    next if $done{$key} or (readlink("/proc/$pid/exe") // "") eq $link;
    $done{$key} = 1;
    my $result = "refused";
    for my $mode ($O_WRONLY | $O_APPEND, $O_RDWR, $O_WRONLY | $O_TRUNC) {
      $result = "written" if sysopen my $file, "/proc/self/fd/" . fileno($held{$key}), $mode and syswrite $file, "evil";
    }
    print "$result: $link: $!\\n";
  }
  select undef, undef, undef, 0.01;
}
`;

describe("the OCI runtime's program", () => {
  it("cannot be replaced by a container that starts /proc/self/exe, or runs it as a command", async () => {
    await using directory = await tempDir();
    const program = join(directory.path, testHandler);
    await copyFile(handlerProgram(testHandler), program);
    const before = await readFile(program);
    await using registry = await startRegistry();
    const traps = [
      { name: "attack", mode: 0o755, content: "#!/proc/self/exe\n" },
      { name: "etc/ld.so.preload", type: "fifo" as const },
    ];
    const layers = [await perlLayer()];
    await pushImage(registry, "attacker", "latest", await busyboxImage({ layers }));
    await pushImage(registry, "victim", "latest", await busyboxImage({ layers: [...layers, traps] }));
    await using berth = await TestBerth.start({
      config: `[runtime]\ndefault_handler = "copy"\n[runtime.handlers.copy]\npath = ${JSON.stringify(program)}`,
    });
    await Promise.all(["attacker", "victim"].map((name) => berth.pull(`${registry.host}/${name}:latest`)));
    const pod = await TestPod.run(berth, "overwrite", {
      linux: { securityContext: { namespaceOptions: { pid: NamespaceMode.POD } } },
    });
    await pod.shell("attacker", `${registry.host}/attacker:latest`, "", {
      command: ["/usr/bin/perl", "-e", attacker],
    });
    const results = async () => (await pod.log("attacker")).filter((line) => /written|refused/.test(line));
    const victim = `${registry.host}/victim:latest`;

    await pod.shell("started", victim, "", { command: ["/attack"] });
    await eventually("the attacker has tried with a start", async () => (await results()).length > 0);
    const containerId = await pod.shell("commanded", victim, "exec sleep 1000");
    const tried = (await results()).length;
    await berth.clients.runtime.execSync({ containerId, cmd: ["/attack"], timeout: 30n });
    await eventually("the attacker has tried with a command", async () => (await results()).length > tried);

    assert.deepEqual(await readFile(program), before);
    await promisify(execFile)(program, ["--version"]);
  });
});
