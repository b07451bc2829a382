/** Code length of each byte in bits (RFC 7541, appendix B). */
const bits: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/**
 * The code is canonical: codes of one length follow each other in the order of their bytes, and those of the
 * next length begin behind them.
 */
const byLength = bits
  .map((length, byte) => ({ length, byte }))
  .sort((a, b) => a.length - b.length || a.byte - b.byte);
const shortest = 5;
const longest = 30;

type Codes = { readonly first: number; readonly bytes: readonly number[] };

const lengths: readonly Codes[] = codesByLength();

function codesByLength(): readonly Codes[] {
  const all: Codes[] = [];
  let next = 0;
  for (let length = 0; length <= longest; length++) {
    next *= 2;
    const bytes = byLength.filter((each) => each.length === length).map(({ byte }) => byte);
    all.push({ first: next, bytes });
    next += bytes.length;
  }
  return all;
}

/** Undefined if it is not valid in HPACK's Huffman code. */
export function huffmanDecoded(coded: Uint8Array): Buffer | undefined {
  const decoded: number[] = [];
  let code = 0;
  let length = 0;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      if (++length < shortest) continue;
      const codes = lengths[length];
      if (codes === undefined) return undefined;
      const found = codes.bytes[code - codes.first];
      if (found === undefined) continue;
      decoded.push(found);
      [code, length] = [0, 0];
    }
  }
  // The padding must be a prefix of the EOS code, which is all ones.
  return length < 8 && code === 2 ** length - 1 ? Buffer.from(decoded) : undefined;
}
