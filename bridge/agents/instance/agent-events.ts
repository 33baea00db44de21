import type { EventData, Isolation } from "@armorclaw/protocol";
import type { Container } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Heartbeat } from "./agent-deps.ts";
import type { AgentPlan } from "./agent-plan.ts";

type AgentEvent =
  | "agent.reported"
  | "agent.hung"
  | "agent.died"
  | "agent.paused"
  | "agent.resumed"
  | "agent.suspended"
  | "agent.woken"
  | "agent.exited"
  | "agent.failed"
  | "agent.stopped";

type OwnData<T extends AgentEvent> = Omit<EventData<T>, "agent_id" | "agent_type" | "epoch">;

/** Publishes the events of one agent, with its id, its loop and its epoch. */
export class AgentEvents {
  readonly #plan: AgentPlan;
  readonly #publish: PublishEvent;
  epoch = 0;

  constructor(plan: AgentPlan, publish: PublishEvent) {
    this.#plan = plan;
    this.#publish = publish;
  }

  publish<T extends AgentEvent>(type: T, data: OwnData<T>): void {
    this.#publish(type, this.#source, { ...this.#agent, ...data } as EventData<T>);
  }

  heartbeat({ seq, activity, rssBytes, lagMs }: Heartbeat): void {
    this.#publish("agent.heartbeat", this.#source, {
      ...this.#agent,
      seq,
      activity,
      ...(rssBytes === undefined ? {} : { rss_bytes: rssBytes }),
      ...(lagMs === undefined ? {} : { lag_ms: lagMs }),
    });
  }

  running(container: Container, isolation: Isolation, wasAdopted: boolean, restarts: number): void {
    const data = { ...this.#agent, container_id: container.id, pid: container.pid };
    if (wasAdopted) {
      this.#publish("agent.adopted", this.#source, data);
      return;
    }
    this.#publish("agent.started", this.#source, { ...data, isolation });
    if (restarts > 0) this.#publish("agent.restarted", this.#source, { ...data, restarts });
  }

  get #source(): string {
    return `agent:${this.#plan.agentId}`;
  }

  get #agent() {
    const { agentId, loop } = this.#plan;
    return { agent_id: agentId, agent_type: loop, epoch: this.epoch };
  }
}
