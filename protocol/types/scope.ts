/**
 * Declares how a call is confined to the channels and agents that a token was limited to. The bridge enforces it in one place, for every
 * method, before its handler runs and on its result.
 */
export type MethodScope =
  /** The method neither shows nor changes anything of channels and agents. */
  | "open"
  /** The param that names the one agent that the call is about; a limited token must send it. */
  | { readonly agentParam: string }
  /** The param with the channel, or the channel patterns, that the call is about. */
  | { readonly channelParam: string }
  /** Everything that the method shows and changes belongs to these channels. */
  | { readonly channels: readonly string[] }
  /** The result has a list under this name, and only the rows within the token's scope are returned. */
  | { readonly rows: string; readonly agent: string }
  | { readonly rows: string; readonly channel: string };
