import koffi, { type KoffiFunc } from "koffi";

type OnState = KoffiFunc<(state: Uint8Array) => number>;

export type Isal = { readonly init: OnState; readonly reset: OnState; readonly inflate: OnState };

/** The ABI of {@link offsets}: at least versions 2.30 to 2.32. */
const library = "libisal.so.2";

/** struct inflate_state of igzip_lib.h with eight-byte pointers, since version 2.30. */
export const offsets = {
  nextOut: 0,
  availableOut: 8,
  nextIn: 16,
  availableIn: 32,
  blockState: 21_160,
  checksumKind: 21_172,
} as const;

export const stateBytes = 87_368;

/** A gzip member without header, with verification of checksum and length (ISAL_GZIP_NO_HDR_VER). */
export const gzipWithoutHeader = 6;
/** ISAL_BLOCK_FINISH: a member was completely inflated. */
export const finished = 5;

let loaded: Isal | "missing" | undefined;

/** Undefined if the machine has none, or one with another ABI. */
export function loadIsal(): Isal | undefined {
  loaded ??= load();
  return loaded === "missing" ? undefined : loaded;
}

function load(): Isal | "missing" {
  const is64Bit = process.arch === "x64" || process.arch === "arm64";
  if (!is64Bit) return "missing";
  try {
    const isal = koffi.load(library);
    return {
      init: isal.func("int isal_inflate_init(uint8_t *state)"),
      reset: isal.func("int isal_inflate_reset(uint8_t *state)"),
      inflate: isal.func("int isal_inflate(uint8_t *state)"),
    };
  } catch {
    return "missing";
  }
}
