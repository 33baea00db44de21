import { BridgeError } from "@armorclaw/protocol/errors";

/** One server-sent event. */
export interface SseEvent {
  readonly event?: string | undefined;
  readonly data: string;
}

/** 1 MiB: a provider's events are a few hundred bytes; one with a whole tool call is some kilobytes. */
const eventCharsMax = 1_048_576;

/** Puts the pieces of a stream together to events. */
export class SseDecoder {
  readonly #text = new TextDecoder();
  #rest = "";
  #event: string | undefined;
  #data: string[] = [];

  /** @throws BridgeError LLM_STREAM_FAILED when an event is longer than the bound */
  push(bytes: Uint8Array): SseEvent[] {
    const lines = (this.#rest + this.#text.decode(bytes, { stream: true })).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > eventCharsMax)
      throw new BridgeError("LLM_STREAM_FAILED", `An event is longer than ${eventCharsMax} characters`);
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): SseEvent[] {
    if (line === "") {
      if (this.#data.length === 0) return [];
      const event = { event: this.#event, data: this.#data.join("\n") };
      this.#event = undefined;
      this.#data = [];
      return [event];
    }
    const [, field, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return [];
  }
}

export const encodeSse = ({ event, data }: SseEvent): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n\n`;
