/** The bytes of an answer, as they come. */
export type ResponseBody = AsyncIterable<Uint8Array> & {
  /** Reads over what is left, or ends the connection. */
  dump(): Promise<unknown>;
  /** Ends an answer whose body is of no interest. */
  destroy(): void;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: ResponseBody;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
};
