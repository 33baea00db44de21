import { BridgeError } from "@armorclaw/protocol/errors";
import { createParser, type EventSourceParser } from "eventsource-parser";

/** One server-sent event. */
export interface SseEvent {
  readonly event?: string | undefined;
  readonly data: string;
}

/** 1 MiB: a provider's events are a few hundred bytes; one with a whole tool call is some kilobytes. */
const eventCharsMax = 1_048_576;

/** Decodes the pieces of a stream as WHATWG HTML 9.2.6 says, but for one thing: `end` keeps an event that lacks its blank line. */
export class SseDecoder {
  readonly #text = new TextDecoder();
  readonly #parser: EventSourceParser;
  #events: SseEvent[] = [];

  constructor() {
    this.#parser = createParser({
      maxBufferSize: eventCharsMax,
      onEvent: ({ event, data }) => void this.#events.push({ event, data }),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded")
          throw new BridgeError("LLM_STREAM_FAILED", `An event is longer than ${eventCharsMax} characters`);
      },
    });
  }

  /** @throws BridgeError LLM_STREAM_FAILED when an event is longer than the bound */
  push(bytes: Uint8Array): readonly SseEvent[] {
    return this.#feed(this.#text.decode(bytes, { stream: true }));
  }

  /** The stream is over. The standard drops an unfinished event, but the last one may hold the usage, which has a price. */
  end(): readonly SseEvent[] {
    return this.#feed(`${this.#text.decode()}\n\n`);
  }

  #feed(text: string): readonly SseEvent[] {
    this.#parser.feed(text);
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/** Each line of the data is a line of its own; a line end inside would otherwise end the event. */
export const encodeSse = ({ event, data }: SseEvent): string => {
  const head = event === undefined ? "" : `event: ${event}\n`;
  if (!/[\r\n]/.test(data)) return `${head}data: ${data}\n\n`;
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `${head}${lines.join("")}\n`;
};
