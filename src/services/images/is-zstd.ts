/**
 * Whether a file that begins with these bytes, in hex, is compressed with zstd. Its first frame may be one to
 * be skipped (RFC 8878, section 3.1.2), as in files of pzstd.
 */
export function isZstd(magic: string): boolean {
  return magic.startsWith("28b52ffd") || /^5.2a4d18/.test(magic);
}
