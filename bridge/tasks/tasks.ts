import { AgentId, BridgeError } from "@armorclaw/protocol";
import { contractEvent, type DurableEventLog, type Emit } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Timer } from "../platform/clock.ts";
import { backOff } from "../platform/retry.ts";
import type { Sql, Store } from "../store/index.ts";
import {
  becameDue,
  countOpen,
  expiredLeases,
  getTask,
  insertTask,
  listTasks,
  nextFor,
  removeSettledBefore,
  removeTask,
  saveTask,
  type Task,
  type TaskDraft,
  type TaskFilter,
} from "./store.ts";

/** The most tasks that may be queued or running. */
const openMax = 10_000;
const sweepEveryMs = 1_000;
const tidyEveryMs = 3_600_000;
/** The wait before a failed task is offered again. */
const retryWaitMs = backOff({ firstMs: 1_000, maxMs: 300_000 });
/** How long finished tasks can be looked up. */
const keepSettledMs = 7 * 86_400_000;

/** The agents that can do tasks. */
export interface Workers {
  /** @throws BridgeError AGENT_NOT_FOUND */
  capabilitiesOf(agentId: string): readonly string[];
  /** Live agents with the capability. */
  withCapability(capability: string): readonly string[];
}

export interface TaskUpdate {
  readonly outcome?: "done" | "failed" | "released" | undefined;
  readonly progress?: number | undefined;
  readonly message?: string | undefined;
  readonly result?: Readonly<Record<string, unknown>> | undefined;
}

export interface TasksDeps {
  readonly log: DurableEventLog;
  readonly store: Store;
  readonly workers: Workers;
  readonly logger: Logger;
}

/** A durable queue of work for agents. A claimed task is leased to one agent, which renews the lease with each update. */
export class Tasks implements Service {
  readonly name = "tasks";
  readonly #deps: TasksDeps;
  #sweptAtMs = 0;
  #timers: readonly Timer[] = [];

  constructor(deps: TasksDeps) {
    this.#deps = deps;
  }

  async start(): Promise<void> {
    const { log, logger } = this.#deps;
    this.#sweptAtMs = log.clock.now();
    const warn = (error: unknown) => logger.warn({ error }, "the sweep over tasks failed");
    this.#timers = [
      log.clock.every(sweepEveryMs, () => void this.#sweep().catch(warn)),
      log.clock.every(tidyEveryMs, () => void this.#tidy().catch(warn)),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
  }

  /** @throws BridgeError AGENT_NOT_FOUND, INVALID_PARAMS */
  async create(draft: TaskDraft): Promise<Task> {
    if (draft.agentId !== null) this.#deps.workers.capabilitiesOf(draft.agentId);
    else if (draft.capability === null) {
      throw new BridgeError("INVALID_PARAMS", "A task names an agent_id, or a capability that agents have");
    }
    return await this.#change((sql, emit) => {
      if (countOpen(sql) >= openMax)
        throw new BridgeError("RATE_LIMITED", `${openMax} tasks are queued or running, which is the limit`);
      const task = this.#get(sql, insertTask(sql, draft, this.#now()));
      emit(contractEvent("task.created", draft.createdBy, { ...facts(task), capability: task.capability }));
      this.#offer(emit, task);
      return task;
    });
  }

  /** @throws BridgeError TASK_NOT_FOUND, TASK_STATE_CONFLICT, AGENT_NOT_FOUND */
  async assign(id: number, agentId: string): Promise<Task> {
    this.#deps.workers.capabilitiesOf(agentId);
    return await this.#change((sql, emit) => {
      const task = this.#get(sql, id);
      if (task.state !== "queued") throw conflict(`Task ${id} is ${task.state}`, task);
      const assigned = this.#save(sql, { ...task, agentId, isAssigned: true });
      this.#offer(emit, assigned);
      return assigned;
    });
  }

  /** Leases the next task to this agent. Resolves with undefined when there is none. */
  async claim(agentId: string): Promise<Task | undefined> {
    const capabilities = this.#deps.workers.capabilitiesOf(agentId);
    return await this.#change((sql, emit) => {
      const now = this.#now();
      const next = nextFor(sql, agentId, capabilities, now);
      if (next === undefined) return undefined;
      const attempts = next.attempts + 1;
      const task = this.#save(sql, { ...next, agentId, state: "running", attempts, dueMs: now + next.leaseMs });
      emit(contractEvent("task.claimed", `agent:${agentId}`, { ...facts(task), attempt: attempts }));
      return task;
    });
  }

  /** @throws BridgeError TASK_NOT_FOUND, TASK_STATE_CONFLICT */
  async update(agentId: string, id: number, { outcome, progress, message, result }: TaskUpdate): Promise<Task> {
    return await this.#change((sql, emit) => {
      const task = this.#get(sql, id);
      if (task.state !== "running" || task.agentId !== agentId) {
        throw conflict(`Task ${id} is ${task.state}, and ${agentId} does not have it`, task);
      }
      const updated = { ...task, progress: progress ?? task.progress, message: message ?? task.message };
      switch (outcome) {
        case undefined:
          emit(
            contractEvent("task.progressed", `agent:${agentId}`, {
              ...facts(updated),
              progress: updated.progress,
              message: updated.message,
            }),
          );
          return this.#save(sql, { ...updated, dueMs: this.#now() + task.leaseMs });
        case "done":
          emit(contractEvent("task.done", `agent:${agentId}`, facts(updated)));
          return this.#save(sql, { ...updated, state: "done", progress: 1, result: result ?? null });
        case "released":
          return this.#queueAgain(sql, emit, { ...updated, attempts: task.attempts - 1 }, 0);
        case "failed":
          return this.#fail(sql, emit, updated, message ?? "The agent reported that the task failed");
      }
    });
  }

  list(filter: TaskFilter): Task[] {
    return this.#deps.store.read((sql) => listTasks(sql, filter));
  }

  /** @throws BridgeError TASK_NOT_FOUND */
  async delete(id: number): Promise<void> {
    if (!(await this.#deps.store.write((sql) => removeTask(sql, id)))) throw notFound(id);
  }

  /** Fails tasks whose lease has ended, and offers tasks whose next attempt is due. */
  async #sweep(): Promise<void> {
    const now = this.#now();
    const since = this.#sweptAtMs;
    this.#sweptAtMs = now;
    const { store } = this.#deps;
    const isDue = store.read((sql) => expiredLeases(sql, now).length + becameDue(sql, since, now).length) > 0;
    if (isDue) {
      await this.#change((sql, emit) => {
        for (const task of expiredLeases(sql, now))
          this.#fail(sql, emit, task, `${task.agentId} sent no update for ${task.leaseMs} ms`);
        for (const task of becameDue(sql, since, now)) this.#offer(emit, task);
      });
    }
  }

  async #tidy(): Promise<void> {
    await this.#deps.store.write((sql) => removeSettledBefore(sql, this.#now() - keepSettledMs));
  }

  #fail(sql: Sql, emit: Emit, task: Task, reason: string): Task {
    const failure = { ...facts(task), attempts: task.attempts, reason };
    if (task.attempts >= task.attemptsMax) {
      emit(contractEvent("task.dead", "bridge", failure));
      return this.#save(sql, { ...task, state: "dead", message: reason });
    }
    emit(contractEvent("task.failed", "bridge", failure));
    return this.#queueAgain(sql, emit, { ...task, message: reason }, retryWaitMs(task.attempts));
  }

  #queueAgain(sql: Sql, emit: Emit, task: Task, waitMs: number): Task {
    const agentId = task.isAssigned ? task.agentId : null;
    const queued = this.#save(sql, { ...task, state: "queued", agentId, progress: null, dueMs: this.#now() + waitMs });
    if (waitMs === 0) this.#offer(emit, queued);
    return queued;
  }

  /** Offers the task to each agent that may claim it. */
  #offer(emit: Emit, task: Task): void {
    const { capability, agentId } = task;
    const able = agentId === null ? this.#deps.workers.withCapability(capability ?? "") : [agentId];
    for (const id of able)
      emit(contractEvent("task.offered", "bridge", { task_id: task.id, title: task.title, agent_id: id }));
  }

  /** A change and its events are one commit. */
  #change<T>(work: (sql: Sql, emit: Emit) => T): Promise<T> {
    return this.#deps.log.transact(work);
  }

  #save(sql: Sql, task: Task): Task {
    const saved = { ...task, updatedAtMs: this.#now() };
    saveTask(sql, saved);
    return saved;
  }

  #get(sql: Sql, id: number): Task {
    const task = getTask(sql, id);
    if (task === undefined) throw notFound(id);
    return task;
  }

  #now(): number {
    return this.#deps.log.clock.now();
  }
}

const facts = ({ id, title, agentId }: Task) => ({
  task_id: id,
  title,
  agent_id: agentId === null ? null : AgentId.parse(agentId),
});

const notFound = (id: number) => new BridgeError("TASK_NOT_FOUND", `No task has the id ${id}`, { task_id: id });

const conflict = (message: string, { id, state }: Task) =>
  new BridgeError("TASK_STATE_CONFLICT", message, { task_id: id, state });
