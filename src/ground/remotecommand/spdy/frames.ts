/**
 * The frames of SPDY/3.1 that Kubernetes uses, as plain data
 * (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/).
 */

/** Values by lower-case name. Several values of one name are one string, separated by NUL. */
export type SpdyHeaders = ReadonlyMap<string, string>;

export type ControlFrame =
  | {
      readonly kind: "synStream";
      readonly streamId: number;
      readonly headers: SpdyHeaders;
      /** The sender will send no data on this stream. */
      readonly fin: boolean;
      /** The receiver may send none either way. */
      readonly unidirectional: boolean;
    }
  | {
      readonly kind: "synReply";
      readonly streamId: number;
      readonly headers: SpdyHeaders;
      readonly fin: boolean;
    }
  | {
      readonly kind: "headers";
      readonly streamId: number;
      readonly headers: SpdyHeaders;
      readonly fin: boolean;
    }
  | { readonly kind: "rstStream"; readonly streamId: number; readonly status: RstStatus }
  | { readonly kind: "settings"; readonly settings: readonly Setting[] }
  | { readonly kind: "ping"; readonly id: number }
  | { readonly kind: "goAway"; readonly lastStreamId: number; readonly status: number }
  /** `streamId` 0 is for the window of the whole session (new in 3.1). */
  | { readonly kind: "windowUpdate"; readonly streamId: number; readonly delta: number };

export type DataFrame = {
  readonly kind: "data";
  readonly streamId: number;
  readonly data: Buffer;
  /** The sender will send no more on this stream. */
  readonly fin: boolean;
};

export type Frame = ControlFrame | DataFrame;

export type Setting = { readonly id: number; readonly value: number };

/** The numbers of the control frames' types. */
export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const SPDY_VERSION = 3;

/** Size of a frame's header. */
export const FRAME_HEAD_BYTES = 8;

/** A frame's length has 24 bits. */
export const MAX_FRAME_BYTES = 0xff_ffff;

export const FLAG_FIN = 0x01;
export const FLAG_UNIDIRECTIONAL = 0x02;

/** Identifiers in SETTINGS that are supported; others are ignored. */
export const settingId = { maxConcurrentStreams: 4, initialWindowSize: 7 } as const;

/** Reasons for resetting a stream (RST_STREAM). A peer may send other numbers. */
export const rstStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
  streamInUse: 8,
  streamAlreadyClosed: 9,
} as const;
export type RstStatus = number;

/** Reasons for ending a session (GOAWAY). */
export const goAwayStatus = { ok: 0, protocolError: 1, internalError: 2 } as const;

/** Limits on what a peer can make this side buffer or decode. */
export type SpdyLimits = {
  /** Maximum size of a control frame, compressed. Data frames are passed on in pieces and need no limit. */
  readonly maxControlFrameBytes: number;
  /** Maximum size of a header block after decompression, in bytes. */
  readonly maxHeaderBytes: number;
  /** Maximum number of names in a header block. */
  readonly maxHeaders: number;
};

export const defaultLimits: SpdyLimits = {
  maxControlFrameBytes: 16_384,
  maxHeaderBytes: 16_384,
  maxHeaders: 100,
};
