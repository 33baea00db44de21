import { arrayAt, objectAt, parseObject, stringAt } from "./json.ts";

interface GatheredCall {
  id: string;
  name: string;
  arguments: string;
}

/** Puts the chunks of a streamed answer, in OpenAI's dialect, together to what they say. */
export class TextGatherer {
  readonly toolCalls: GatheredCall[] = [];
  text = "";
  finishReason = "stop";

  /** @returns the text that the chunk adds */
  take(data: string): string {
    const [choice] = arrayAt(parseObject(data), "choices");
    const delta = objectAt(choice, "delta");
    this.finishReason = stringAt(choice, "finish_reason") ?? this.finishReason;
    for (const part of arrayAt(delta, "tool_calls")) this.#addToCall(part);
    const text = stringAt(delta, "content") ?? "";
    this.text += text;
    return text;
  }

  #addToCall(part: unknown): void {
    const called = objectAt(part, "function");
    const id = stringAt(part, "id");
    // A piece with an id begins a call; those that follow belong to it.
    if (id !== undefined && id !== this.toolCalls.at(-1)?.id) this.toolCalls.push({ id, name: "", arguments: "" });
    const call = this.toolCalls.at(-1);
    if (call === undefined) return;
    call.name ||= stringAt(called, "name") ?? "";
    call.arguments += stringAt(called, "arguments") ?? "";
  }
}
