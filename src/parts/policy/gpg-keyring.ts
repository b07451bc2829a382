/** The packets of a key file, whether it is armoured (RFC 9580, section 6) or not. */
export function dearmored(file: Uint8Array): Buffer {
  const text = Buffer.from(file).toString("latin1");
  const begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
  if (!text.includes(begin)) return Buffer.from(file);
  return Buffer.concat(text.split(begin).slice(1).map(packetsOf));
}

/** Headers end with an empty line; the checksum behind the packets stands in a line of its own, after `=`. */
function packetsOf(block: string): Buffer {
  const lines = (block.split("-----END")[0] ?? "").split("\n").map((line) => line.trim());
  const start = lines.indexOf("", 1);
  const body = lines.slice(start + 1).filter((line) => !line.startsWith("="));
  return Buffer.from(body.join(""), "base64");
}
