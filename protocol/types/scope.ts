/**
 * How a call is confined to the channels and agents that a token was limited to. The bridge enforces it in one place, for every
 * method, before its handler runs and on its result.
 */
export type MethodScope =
  /** It shows and changes nothing of channels and agents. */
  | "open"
  /** The param that names the one agent that the call is about; such a token has to give it. */
  | { readonly agentParam: string }
  /** The param that holds the channel, or the channel patterns, that the call is about. */
  | { readonly channelParam: string }
  /** All that the method shows and changes belongs to these channels. */
  | { readonly channels: readonly string[] }
  /** The result holds a list under this name, and only the rows within the token's reach are answered. */
  | { readonly rows: string; readonly agent: string }
  | { readonly rows: string; readonly channel: string };
