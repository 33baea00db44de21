import type { Clock } from "../../../platform/clock.ts";
import { type RoomCommand, roomCommands } from "./command-definitions.ts";
import type { InboundMessage, MatrixRole, MatrixTrust } from "./inbound.ts";

/** A command that was on its way for longer is not what its sender wants any more. */
const commandAgeMaxMs = 5 * 60_000;
/** Commands of one person: so many at once, and one more every two seconds. */
const burst = 30;
const refillMs = 2000;
/** The longest answer; a room is not the place for more. */
const answerMax = 8000;

/** A person in a room, as the bridge knows it. */
export interface RoomMember {
  readonly id: `matrix:${string}`;
  readonly userId: string;
  readonly role: MatrixRole;
}

/** The bridge's methods, with the rights of the person who asks. */
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
  /** Whether the approval was asked for in the room. Elsewhere its code is no code. */
  readonly isAskedIn: (approvalId: string, roomId: string) => boolean;
  /** Queues an answer in the thread that the command began or stands in. */
  readonly answer: (message: InboundMessage, text: string) => Promise<void>;
}

export interface RoomCommandSettings {
  /** What a command that changes something needs: `verified` is an encrypted room and a device that its owner signed. */
  readonly require: "verified" | "encrypted" | "nothing";
}

/** Commands that people type in rooms. No model is in the path. */
export class RoomCommands {
  readonly #deps: RoomCommandDeps;
  readonly #settings: RoomCommandSettings;
  /** When each person's next command would be within the rate, in the clock's monotonic time. */
  readonly #busyUntil = new Map<string, number>();
  /** Who has heard that it was too much. */
  readonly #told = new Set<string>();

  constructor(deps: RoomCommandDeps, settings: RoomCommandSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  /** @returns whether the message was a command */
  async handle(message: InboundMessage): Promise<boolean> {
    const words = message.kind === "text" ? /^!([a-z]{2,20})(?:\s+(.{0,500}))?$/u.exec(message.body.trim()) : null;
    if (words === null) return false;
    const [, name = "", rest = ""] = words;
    // What stops everything is heard however much was said before.
    const waitMs = name === "panic" ? 0 : this.#waitMs(message.sender);
    if (waitMs > 0) {
      // A flood is answered once: answers would be one too.
      if (this.#told.has(message.sender)) return true;
      this.#told.add(message.sender);
      const seconds = Math.ceil(waitMs / 1000);
      await this.#deps.answer(message, `Too many commands at once; this one was not heard. Wait ${seconds} s.`);
      return true;
    }
    this.#told.delete(message.sender);
    await this.#deps.answer(message, (await this.#run(name, rest, message)).slice(0, answerMax));
    return true;
  }

  async #run(name: string, rest: string, message: InboundMessage): Promise<string> {
    const { clock, trust, methods } = this.#deps;
    const role = trust.roleOf(message.sender);
    if (role === undefined) return "You may not give commands here.";
    const known = roomCommands.filter(({ method }) => methods.effectOf(method) !== undefined);
    if (name === "help") return helpText(known);
    const command = known.find((one) => one.name === name);
    if (command === undefined) return `There is no !${name}. !help lists the commands.`;
    if (clock.now() - Date.parse(message.sent_at) > commandAgeMaxMs)
      return `That command is from ${message.sent_at}, which is too long ago. Send it again if you still want it.`;
    const refusal = methods.effectOf(command.method) === "write" ? this.#refusal(message) : undefined;
    if (refusal !== undefined) return refusal;
    const args = rest.split(/\s+/u).filter((word) => word !== "");
    const params = command.params(args);
    if (params === undefined) return `Write it as: ${usage(command)}`;
    if ("approval_id" in params && !this.#deps.isAskedIn(String(params.approval_id), message.room_id))
      return "No question with that code was asked in this room.";
    try {
      const caller = { id: `matrix:${message.sender}`, userId: message.sender, role } as const;
      const { result, items } = await methods.call(command.method, params, caller);
      return command.render(result as never, items as never);
    } catch (error) {
      return failureText(error);
    }
  }

  #refusal({ trust }: InboundMessage): string | undefined {
    const { require } = this.#settings;
    if (require === "nothing" || trust === "verified") return undefined;
    if (trust === "plain") return "This changes something, so it is heard only in an encrypted room.";
    if (require === "encrypted") return undefined;
    return "Your device is not verified: sign it with your account (your client's security settings), then try again.";
  }

  /** Until the person's next command would be within the rate; none when this one is. */
  #waitMs(sender: string): number {
    const now = this.#deps.clock.monotonic();
    const until = Math.max(now, this.#busyUntil.get(sender) ?? 0) + refillMs;
    const waitMs = Math.max(0, until - now - burst * refillMs);
    if (waitMs === 0) this.#busyUntil.set(sender, until);
    return waitMs;
  }
}

const usage = ({ name, usage: args }: RoomCommand): string => `!${name}${args === "" ? "" : ` ${args}`}`;

const helpText = (known: readonly RoomCommand[]): string =>
  known.map((command) => `${usage(command)}: ${command.summary}`).join("\n");

/** What the person can act on; a bug's text stays in the log. */
export function failureText(error: unknown): string {
  const { code, message, remedy } = error as { code?: unknown; message?: string; remedy?: string };
  if (typeof code !== "string" || remedy === undefined) return "That went wrong. The bridge's log has more.";
  return `${code}: ${message}. ${remedy}.`;
}
