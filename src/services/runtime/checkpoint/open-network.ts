import { findProgram } from "../handlers/find-program.ts";
import { runProgram } from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";

const timeoutMs = 30_000;

/**
 * Removes everything that criu (3 and 4) may have added, for each tool that the host has: jumps to a chain
 * CRIU, of which iptables may have several, and an nftables table for each dump. Fails if something is left.
 */
const script = `
for tool in iptables ip6tables; do
  command -v $tool >/dev/null || continue
  for chain in INPUT OUTPUT; do
    while $tool -w -D $chain -j CRIU 2>/dev/null; do :; done
  done
  $tool -w -n -L CRIU >/dev/null 2>&1 || continue
  $tool -w -F CRIU && $tool -w -X CRIU || exit 1
done
command -v nft >/dev/null || exit 0
for table in $(nft list tables inet | grep -o 'CRIU-.*'); do
  nft delete table inet "$table" || exit 1
done`;

/**
 * Unblocks the network of a process that a killed criu left blocked: while criu works, it drops all packets,
 * so that no connection changes. Throws RuntimeError.
 */
export async function openNetwork(pid: number): Promise<void> {
  const what = `unblocking the network of process ${pid}`;
  const program = await findProgram("nsenter");
  if (program === undefined)
    throw new RuntimeError("FailedPrecondition", `${what}: nsenter not found; install util-linux`);
  const args = [`--net=/proc/${pid}/ns/net`, "sh", "-c", script];
  await runProgram({ what, program, args, timeoutMs, failure: async (stderr) => stderr.trim() });
}
