import { AgentId, BridgeError } from "@armorclaw/protocol";
import { contractEvent, type DurableEventLog, type Emit } from "../events/index.ts";
import type { Service } from "../lifecycle/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Timer } from "../platform/clock.ts";
import { backOff } from "../platform/retry.ts";
import type { Sql, Store } from "../store/index.ts";
import {
  becameDue,
  dueSince,
  expiredLeases,
  getTask,
  insertTask,
  listTasks,
  nextFor,
  openOf,
  removeSettledBefore,
  removeSettledBeyond,
  removeTask,
  saveTask,
  type Task,
  type TaskDraft,
  type TaskFilter,
} from "./store.ts";

/** The share of one creator: its tasks that may be queued or running, and their bytes. Nobody's tasks keep out somebody else's. */
const agentShare = { tasks: 1_000, bytes: 16 * 1024 * 1024 };
const personShare = { tasks: 10_000, bytes: 256 * 1024 * 1024 };
const payloadBytesMax = 1024 * 1024;
/** Finished tasks of one creator that can be looked up, in each state. */
const settledMax = 10_000;
const sweepEveryMs = 1_000;
const tidyEveryMs = 60_000;
/** A queued task that no live agent can do is given up after this long. */
const unservedMsMax = 86_400_000;
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
  /** Creators of tasks since the last look at what is kept of theirs. */
  readonly #creators = new Set<string>();
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

  /** @throws BridgeError AGENT_NOT_FOUND, INVALID_PARAMS, RATE_LIMITED */
  async create(draft: TaskDraft): Promise<Task> {
    if (draft.agentId !== null) this.#deps.workers.capabilitiesOf(draft.agentId);
    else if (draft.capability === null) {
      throw new BridgeError("INVALID_PARAMS", "A task names an agent_id, or a capability that agents have");
    }
    assertFits("payload", draft.payload);
    this.#creators.add(draft.createdBy);
    return await this.#change((sql, emit) => {
      assertRoom(draft.createdBy, openOf(sql, draft.createdBy));
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
    if (result !== undefined) assertFits("result", result);
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

  /** Removes finished tasks that are old or too many, and gives up queued ones that nobody can do. */
  async #tidy(): Promise<void> {
    const creators = [...this.#creators];
    this.#creators.clear();
    await this.#deps.store.write((sql) => {
      removeSettledBefore(sql, this.#now() - keepSettledMs);
      for (const creator of creators)
        if (removeSettledBeyond(sql, creator, settledMax) > 0) this.#creators.add(creator);
    });
    let last = 0;
    for (let seen = 1; seen > 0; ) {
      const due = this.#deps.store.read((sql) => dueSince(sql, this.#now() - unservedMsMax, last));
      seen = due.length;
      last = due.at(-1)?.id ?? last;
      const unserved = due.filter((task) => !this.#isServed(task));
      if (unserved.length > 0) await this.#change((sql, emit) => this.#giveUp(sql, emit, unserved));
    }
  }

  #giveUp(sql: Sql, emit: Emit, tasks: readonly Task[]): void {
    for (const { id } of tasks) {
      const task = getTask(sql, id);
      if (task?.state !== "queued") continue;
      const reason = `No live agent could do the task for ${unservedMsMax / 3_600_000} hours`;
      this.#publish(
        emit,
        task,
        contractEvent("task.dead", "bridge", { ...facts(task), attempts: task.attempts, reason }),
      );
      this.#save(sql, { ...task, state: "dead", message: reason });
    }
  }

  /** Whether an agent lives that could claim the task. */
  #isServed({ agentId, capability }: Task): boolean {
    if (agentId === null) return this.#deps.workers.withCapability(capability ?? "").length > 0;
    try {
      this.#deps.workers.capabilitiesOf(agentId);
      return true;
    } catch {
      return false;
    }
  }

  /** The event takes the share of who made the task. */
  #publish(emit: Emit, { createdBy }: Task, event: Parameters<Emit>[0]): void {
    emit({ ...event, share: createdBy });
  }

  #fail(sql: Sql, emit: Emit, task: Task, reason: string): Task {
    const failure = { ...facts(task), attempts: task.attempts, reason };
    if (task.attempts >= task.attemptsMax) {
      this.#publish(emit, task, contractEvent("task.dead", "bridge", failure));
      return this.#save(sql, { ...task, state: "dead", message: reason });
    }
    this.#publish(emit, task, contractEvent("task.failed", "bridge", failure));
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
      this.#publish(
        emit,
        task,
        contractEvent("task.offered", "bridge", { task_id: task.id, title: task.title, agent_id: id }),
      );
    if (able.length === 0)
      this.#publish(emit, task, contractEvent("task.unserved", "bridge", { ...facts(task), capability }));
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

function assertRoom(creator: string, open: { readonly tasks: number; readonly bytes: number }): void {
  const share = creator.startsWith("agent:") ? agentShare : personShare;
  if (open.tasks < share.tasks && open.bytes < share.bytes) return;
  throw new BridgeError(
    "RATE_LIMITED",
    `${open.tasks} tasks of ${creator} are queued or running with ${open.bytes} bytes; ${share.tasks} tasks and ${share.bytes} bytes are the limit of one creator`,
    { retry_after_ms: 60_000 },
  );
}

function assertFits(field: string, value: Readonly<Record<string, unknown>>): void {
  const bytes = Buffer.byteLength(JSON.stringify(value));
  if (bytes <= payloadBytesMax) return;
  throw new BridgeError("INVALID_PARAMS", `The task's ${field} has ${bytes} bytes; ${payloadBytesMax} is the limit`);
}

const notFound = (id: number) => new BridgeError("TASK_NOT_FOUND", `No task has the id ${id}`, { task_id: id });

const conflict = (message: string, { id, state }: Task) =>
  new BridgeError("TASK_STATE_CONFLICT", message, { task_id: id, state });
