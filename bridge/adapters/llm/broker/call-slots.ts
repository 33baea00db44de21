import { BridgeError } from "@armorclaw/protocol/errors";
import { onAbort } from "../../../platform/abort.ts";
import type { Clock } from "../../../platform/clock.ts";

/** How long a call waits for another one of its principal to end. */
const waitMs = 60_000;
/** Calls of one principal that wait. Each holds its request. */
const waitingMax = 256;

interface Slots {
  running: number;
  /** In the order of their arrival. */
  readonly waiting: Set<() => void>;
}

/** The calls of each principal that are made at the same time. Further ones wait in the order of their arrival. */
export class CallSlots {
  readonly #clock: Pick<Clock, "after">;
  readonly #byPrincipal = new Map<string, Slots>();

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  /**
   * Takes a slot, which is free again when it is disposed of.
   * @throws BridgeError TOO_MANY_IN_FLIGHT when too many wait, or none became free in time; the signal's reason
   */
  async take(principal: string, max: number, signal: AbortSignal): Promise<Disposable> {
    const slots = this.#byPrincipal.get(principal) ?? { running: 0, waiting: new Set() };
    this.#byPrincipal.set(principal, slots);
    if (slots.running < max) slots.running += 1;
    else await this.#wait(principal, slots, signal);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#release(principal, slots);
        isHeld = false;
      },
    };
  }

  /** A slot that is released goes to the call that has waited longest. */
  #release(principal: string, slots: Slots): void {
    const [next] = slots.waiting;
    if (next === undefined) slots.running -= 1;
    else next();
    if (slots.running === 0) this.#byPrincipal.delete(principal);
  }

  async #wait(principal: string, slots: Slots, signal: AbortSignal): Promise<void> {
    if (slots.waiting.size >= waitingMax) throw tooMany(principal, slots);
    const turn = Promise.withResolvers<void>();
    const enter = () => {
      slots.waiting.delete(enter);
      turn.resolve();
    };
    slots.waiting.add(enter);
    const leave = (reason: unknown) => {
      if (slots.waiting.delete(enter)) turn.reject(reason);
    };
    const deadline = this.#clock.after(waitMs, () => leave(tooMany(principal, slots)));
    const remove = onAbort(signal, () => leave(signal.reason));
    try {
      await turn.promise;
    } finally {
      deadline.cancel();
      remove();
    }
  }
}

const tooMany = (principal: string, { running, waiting }: Slots): BridgeError =>
  new BridgeError(
    "TOO_MANY_IN_FLIGHT",
    `${principal} has ${running} model calls in flight and ${waiting.size} that wait, which is the limit`,
    { retry_after_ms: 1_000 },
  );
