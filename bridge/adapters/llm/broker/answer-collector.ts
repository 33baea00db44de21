import type { ModelEvent } from "../codecs/chat-request.ts";
import type { AnswerSink } from "./answer-reader.ts";

interface CollectedCall {
  id: string;
  name: string;
  arguments: string;
}

/** Puts a streamed answer together, and passes its text on as it comes. */
export class AnswerCollector implements AnswerSink {
  readonly dialect = undefined;
  readonly #write: (text: string) => Promise<void> | void;
  /** By the index that the provider gave each call: pieces of parallel calls may come in turns. */
  readonly #calls = new Map<number, CollectedCall>();
  #unwritten = "";
  text = "";
  finishReason = "stop";

  constructor(write: (text: string) => Promise<void> | void) {
    this.#write = write;
  }

  get toolCalls(): readonly Readonly<CollectedCall>[] {
    return [...this.#calls.keys()].sort((a, b) => a - b).flatMap((index) => this.#calls.get(index) ?? []);
  }

  begin(): void {}

  take(events: readonly ModelEvent[]): void {
    for (const event of events) {
      if (event.type === "text") {
        this.text += event.text;
        this.#unwritten += event.text;
      } else if (event.type === "finish") this.finishReason = event.reason;
      else if (event.type === "toolCall") this.#addToCall(event);
    }
  }

  takeWhole(events: readonly ModelEvent[]): void {
    this.take(events);
  }

  async flush(): Promise<void> {
    const text = this.#unwritten;
    this.#unwritten = "";
    if (text !== "") await this.#write(text);
  }

  end(): void {}

  #addToCall({ index, id, name, arguments: text }: ModelEvent & { type: "toolCall" }): void {
    const call = this.#calls.get(index) ?? { id: "", name: "", arguments: "" };
    this.#calls.set(index, call);
    call.id ||= id ?? "";
    call.name ||= name ?? "";
    call.arguments += text;
  }
}
