// Calls between the bridge and a program that runs in a worker thread. Workers resolve no package of this repository: this file imports none.
import { type MessagePort, type ResourceLimits, type Transferable, Worker } from "node:worker_threads";
import { onAbort } from "./abort.ts";
import type { Clock } from "./clock.ts";

/** What a worker program answers, by method. */
export type WorkerMethods = Readonly<Record<string, { readonly params: unknown; readonly result: unknown }>>;

export type WorkerHandlers<M> = {
  readonly [N in keyof M]: M[N] extends { readonly params: infer P; readonly result: infer R }
    ? (params: P) => R | Promise<R>
    : never;
};

type ToWorker<Command> =
  | { readonly kind: "request"; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly kind: "command"; readonly command: Command }
  | { readonly kind: "end" };

type FromWorker<Notice, Failure> =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "notice"; readonly notice: Notice };

/** Why a call has no answer: too many are in flight, its deadline passed, or the worker has ended. */
export type NoAnswer = "busy" | "late" | "ended";

export interface WorkerRpcOptions<Notice, Failure> {
  /** The program's source file. Where this file runs as JavaScript, the compiled file beside it is started. */
  readonly program: URL;
  readonly name: string;
  readonly workerData: unknown;
  readonly resourceLimits?: ResourceLimits;
  readonly clock: Clock;
  readonly inFlightMax: number;
  /** Bounds calls whose signal does not abort earlier. */
  readonly deadlineMs: number;
  /** Translates what the program's `failureOf` returned. */
  readonly errorOf: (failure: Failure) => Error;
  readonly noAnswer: (why: NoAnswer, method: string, cause: unknown) => Error;
  readonly onNotice: (notice: Notice) => void;
  /** The worker has ended although nobody stopped it. */
  readonly onExit: (error: unknown) => void;
}

/** The bridge's end: starts the worker and calls its methods. */
export class WorkerRpcClient<M extends WorkerMethods, Notice, Command, Failure> {
  readonly #options: WorkerRpcOptions<Notice, Failure>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<void>();
  #nextId = 1;
  #isStopping = false;
  #error: unknown;

  constructor(options: WorkerRpcOptions<Notice, Failure>) {
    this.#options = options;
    const { program, name, workerData, resourceLimits } = options;
    const file = import.meta.url.endsWith(".ts") ? program : new URL(program.href.replace(/\.ts$/, ".js"));
    // The thread gets nothing of the bridge's environment or flags.
    const isolation = { env: {}, execArgv: [] };
    this.#worker = new Worker(file, {
      name,
      workerData,
      ...isolation,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    this.#ready.promise.catch(() => undefined);
    this.#worker.on("message", (message: FromWorker<Notice, Failure>) => this.#receive(message));
    this.#worker.on("error", (error) => {
      this.#error = error;
    });
    this.#worker.on("exit", (code) => this.#onExit(this.#error ?? new Error(`the ${name} worker ended with ${code}`)));
  }

  /** Resolves when the program takes calls. @throws what ended it before */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** @throws what `errorOf` and `noAnswer` return, or the signal's reason */
  async call<N extends keyof M & string>(
    method: N,
    params: M[N]["params"],
    signal?: AbortSignal,
  ): Promise<M[N]["result"]> {
    const { clock, inFlightMax, deadlineMs, noAnswer } = this.#options;
    signal?.throwIfAborted();
    if (this.#isStopping) throw noAnswer("ended", method, this.#error);
    if (this.#pending.size >= inFlightMax) throw noAnswer("busy", method, undefined);
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    const deadline = clock.after(deadlineMs, () => answer.reject(noAnswer("late", method, undefined)));
    const removeListener = onAbort(signal, () => answer.reject(signal?.reason));
    this.#pending.set(id, answer);
    try {
      this.#post({ kind: "request", id, method, params });
      return await answer.promise;
    } catch (error) {
      throw error instanceof WorkerEnded ? noAnswer("ended", method, error.cause) : error;
    } finally {
      this.#pending.delete(id);
      deadline.cancel();
      removeListener();
    }
  }

  /** Sends what has no answer. */
  command(command: Command, transfer: readonly Transferable[] = []): void {
    if (!this.#isStopping) this.#post({ kind: "command", command }, transfer);
  }

  /** Lets the program end by itself, and terminates it after `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    if (this.#isStopping) return this.#exited.promise;
    this.#isStopping = true;
    this.#post({ kind: "end" });
    const deadline = this.#options.clock.after(deadlineMs, () => void this.#worker.terminate());
    await this.#exited.promise;
    deadline.cancel();
  }

  async terminate(): Promise<void> {
    this.#isStopping = true;
    await this.#worker.terminate();
  }

  #post(message: ToWorker<Command>, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(message: FromWorker<Notice, Failure>): void {
    if (message.kind === "notice") this.#options.onNotice(message.notice);
    else if (message.kind === "ready") this.#ready.resolve();
    else if (message.kind === "result") this.#pending.get(message.id)?.resolve(message.result);
    else this.#pending.get(message.id)?.reject(this.#options.errorOf(message.failure));
  }

  #onExit(error: unknown): void {
    const wasStopped = this.#isStopping;
    this.#isStopping = true;
    this.#error = error;
    this.#ready.reject(error);
    for (const { reject } of this.#pending.values()) reject(new WorkerEnded("the worker ended", { cause: error }));
    this.#exited.resolve();
    if (!wasStopped) this.#options.onExit(error);
  }
}

class WorkerEnded extends Error {}

export interface WorkerServerOptions<M, Command, Failure> {
  readonly handlers: WorkerHandlers<M>;
  /** An error as it crosses the thread. */
  readonly failureOf: (error: unknown) => Failure;
  readonly onCommand?: (command: Command) => void;
  /** Releases what the program holds. The thread ends after it. */
  readonly onEnd?: () => Promise<void>;
}

/** The worker's end: answers calls until the bridge ends the program. */
export function serveWorker<M, Command, Failure>(
  port: MessagePort,
  { handlers, failureOf, onCommand, onEnd }: WorkerServerOptions<M, Command, Failure>,
): void {
  const post = (message: FromWorker<never, Failure>) => port.postMessage(message);
  const answer = async (id: number, method: string, params: unknown) => {
    try {
      const handler = handlers[method as keyof M] as (params: unknown) => unknown;
      post({ kind: "result", id, result: await handler(params) });
    } catch (error) {
      post({ kind: "failure", id, failure: failureOf(error) });
    }
  };
  port.on("message", (message: ToWorker<Command>) => {
    if (message.kind === "request") void answer(message.id, message.method, message.params);
    else if (message.kind === "command") onCommand?.(message.command);
    else void (onEnd?.() ?? Promise.resolve()).finally(() => port.close());
  });
  post({ kind: "ready" });
}

/** Sends the bridge what it did not ask for. */
export function postNotice<Notice>(port: MessagePort, notice: Notice, transfer: readonly Transferable[] = []): void {
  port.postMessage({ kind: "notice", notice } satisfies FromWorker<Notice, never>, transfer);
}
