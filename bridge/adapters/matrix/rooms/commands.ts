import { BoundedMap } from "../../../platform/bounded-map.ts";
import type { Clock } from "../../../platform/clock.ts";
import { TokenBuckets } from "../../../platform/token-bucket.ts";
import { type RoomCommand, roomCommands } from "./command-definitions.ts";
import type { InboundEdit, InboundMessage, MatrixRole, MatrixTrust } from "./inbound.ts";
import type { RefusedCommand } from "./refused-commands.ts";

/** An older command is refused: its sender may not want it any more. */
const commandAgeMaxMs = 5 * 60_000;
/** The rate of one person's commands. */
const rate = { perSecond: 0.5, burst: 30 };
/** Senders whose rate is remembered. Only trusted people have one. */
const sendersMax = 1000;
const answerCharsMax = 8000;

/** A person in a room, as the bridge knows it. */
export interface RoomMember {
  readonly id: `matrix:${string}`;
  readonly userId: string;
  readonly role: MatrixRole;
}

/** Calls the bridge's methods with the rights of a person in a room. */
export interface MethodCalls {
  /** Undefined when there is no such method. */
  effectOf(method: string): "read" | "write" | undefined;
  /** The result, and what was streamed before it. @throws what the method throws */
  call(method: string, params: object, caller: RoomMember): Promise<{ result: unknown; items: readonly unknown[] }>;
}

export interface RoomCommandDeps {
  readonly clock: Clock;
  readonly trust: MatrixTrust;
  readonly methods: MethodCalls;
  /** The approval that the bridge asked for in the room under this code. The code is valid only there. */
  readonly approvalOf: (code: string, roomId: string) => string | undefined;
  /** The code of an approval that the bridge asked for in the room. */
  readonly codeOf: (approvalId: string, roomId: string) => string | undefined;
  /** Queues an answer to an edit. */
  readonly answerEdit: (edit: InboundEdit, text: string) => Promise<void>;
  /** Queues an answer in the thread of the command, which the command may start. */
  readonly answer: (message: InboundMessage, text: string) => Promise<void>;
  /** Records a command that was refused before its method was called. */
  readonly refused: (command: RefusedCommand) => void;
}

export interface RoomCommandSettings {
  /** What a command that changes something requires: `verified` means an encrypted room and a device that its owner signed. */
  readonly require: "verified" | "encrypted" | "nothing";
}

/** Executes commands that people type in rooms. No model is involved. */
export class RoomCommands {
  readonly #deps: RoomCommandDeps;
  readonly #settings: RoomCommandSettings;
  readonly #rates: TokenBuckets;
  /** Senders whose flood was answered. */
  readonly #notified = new BoundedMap<string, true>(sendersMax);

  constructor(deps: RoomCommandDeps, settings: RoomCommandSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#rates = new TokenBuckets({ rate, keysMax: sendersMax, clock: deps.clock });
  }

  /** @returns whether the message was a command */
  async handle(message: InboundMessage): Promise<boolean> {
    const written = message.reply_to === undefined ? message.body : withoutQuote(message.body);
    if (message.kind !== "text" || !isCommand(written)) return false;
    const [name, rest] = parseCommand(written);
    // A panic is never refused for its rate.
    const waitMs = name === "panic" ? 0 : this.#rates.take(message.sender);
    if (waitMs > 0) {
      // A flood is answered once: the answers would be a flood too.
      if (this.#notified.has(message.sender)) return true;
      this.#notified.set(message.sender, true);
      const seconds = Math.ceil(waitMs / 1000);
      await this.#deps.answer(message, `Too many commands at once; this one was ignored. Wait ${seconds} s.`);
      return true;
    }
    this.#notified.delete(message.sender);
    await this.#deps.answer(message, (await this.#run(name, rest, message)).slice(0, answerCharsMax));
    return true;
  }

  /** An edit is not executed: it may be of an old message, and whoever reads the room may have seen another text. */
  async handleEdit(edit: InboundEdit): Promise<void> {
    const { answerEdit } = this.#deps;
    if (!isCommand(edit.body)) return;
    if (this.#rates.take(edit.sender) > 0) return;
    const [name] = parseCommand(edit.body);
    this.#refused(name, edit, "edited");
    await answerEdit(edit, "An edited message is not executed. Send the command as a new message.");
  }

  #refused(name: string, message: InboundMessage | InboundEdit, reason: RefusedCommand["reason"]): void {
    const { room_id: roomId, event_id: eventId, sender } = message;
    const method = roomCommands.find((one) => one.name === name)?.method ?? "matrix.command";
    this.#deps.refused({ roomId, eventId, sender, command: name, method, reason });
  }

  async #run(name: string, rest: string, message: InboundMessage): Promise<string> {
    const { clock, trust, methods } = this.#deps;
    const role = trust.roleOf(message.sender);
    if (role === undefined) return "You may not give commands here.";
    const caller = { id: `matrix:${message.sender}`, userId: message.sender, role } as const;
    const known = roomCommands.filter(({ method }) => methods.effectOf(method) !== undefined);
    if (name === "") return "That is no command: a command is one line, for example !status. !help lists the commands.";
    if (name === "help") return helpText(known);
    const command = known.find((one) => one.name === name);
    if (command === undefined) return `There is no !${name}. !help lists the commands.`;
    if (clock.now() - Date.parse(message.sent_at) > commandAgeMaxMs) {
      this.#refused(name, message, "too_old");
      return `That command was sent at ${message.sent_at}, more than five minutes ago. Send it again if you still want it.`;
    }
    const refusal = methods.effectOf(command.method) === "write" ? this.#refusal(message) : undefined;
    if (refusal !== undefined) {
      this.#refused(name, message, message.trust === "plain" ? "not_encrypted" : "not_verified");
      return refusal;
    }
    const args = rest.split(/\s+/u).filter((word) => word !== "");
    const typed = command.params(args);
    if (typed === undefined) return `Usage: ${usage(command)}`;
    const params = "code" in typed ? this.#approvalParams(String(typed.code), message.room_id) : typed;
    if (params === undefined) {
      this.#refused(name, message, "wrong_code");
      return "This room has no approval request with that code. Only the code in the bridge's own question is valid, in the room of that question; !approvals lists the requests.";
    }
    try {
      const { result, items } = await methods.call(command.method, params, caller);
      return command.render(result as never, items as never, (id) => this.#deps.codeOf(id, message.room_id));
    } catch (error) {
      return failureText(error);
    }
  }

  #approvalParams(code: string, roomId: string): { readonly approval_id: string } | undefined {
    const approvalId = this.#deps.approvalOf(code.toLowerCase(), roomId);
    return approvalId === undefined ? undefined : { approval_id: approvalId };
  }

  #refusal({ trust }: InboundMessage): string | undefined {
    const { require } = this.#settings;
    if (require === "nothing" || trust === "verified") return undefined;
    if (trust === "plain") return "This command changes something, so it is accepted only in an encrypted room.";
    if (require === "encrypted") return undefined;
    return "Your device is not verified. Verify it in your client's security settings, then try again.";
  }
}

/** Whether a text is meant as a command. */
export const isCommand = (text: string): boolean => /^\s*!\s?[a-z]/iu.test(text);

/** The command's name and the rest. The name is empty when the text is not one line of the form of a command. */
export function parseCommand(text: string): [name: string, rest: string] {
  const [, name = "", rest = ""] = /^!\s?([a-z]{2,20})(?:\s+(.{0,500}))?$/iu.exec(text.trim()) ?? [];
  // Phones begin a message with a capital letter.
  return [name.toLowerCase(), rest];
}

const usage = ({ name, usage: args }: RoomCommand): string => `!${name}${args === "" ? "" : ` ${args}`}`;

const helpText = (known: readonly RoomCommand[]): string =>
  known.map((command) => `${usage(command)}: ${command.summary}`).join("\n");

/** The error as the person sees it. The text of a bug stays in the log. */
export function failureText(error: unknown): string {
  const { code, message, remedy } = error as { code?: unknown; message?: string; remedy?: string };
  if (typeof code !== "string" || remedy === undefined) return "The command failed. The bridge's log has the reason.";
  return `${code}: ${message}. ${inRoom(remedy)}.`;
}

/** Commands of the command line, and the room's command that does the same. */
const roomForms: readonly (readonly [RegExp, string])[] = [
  [/`armorclaw ps(?: --all)?`/gu, "!ps"],
  [/`armorclaw approval list`/gu, "!approvals"],
  [/`armorclaw budget (?:show|status)`/gu, "!budget"],
  [/`armorclaw status`/gu, "!status"],
  [/`armorclaw (logs|start|stop|pause|resume) ([A-Z]+)`/gu, "!$1 $2"],
];

/** The remedy for a person in a room: its commands are the room's where the room has them, and otherwise said to be for the machine. */
function inRoom(remedy: string): string {
  const text = roomForms.reduce((value, [pattern, form]) => value.replaceAll(pattern, form), remedy);
  return text.includes("`armorclaw ") ? `On the bridge's machine: ${text}` : text;
}

/** The text below the quoted message that older clients put above a reply. */
function withoutQuote(body: string): string {
  const lines = body.split("\n");
  const first = lines.findIndex((line) => !line.startsWith(">"));
  return first > 0 && lines[first]?.trim() === "" ? lines.slice(first + 1).join("\n") : body;
}
