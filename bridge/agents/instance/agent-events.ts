import type { EventData, Isolation } from "@armorclaw/protocol";
import type { Container } from "../../containers/index.ts";
import type { PublishEvent } from "../../events/index.ts";
import type { Beat } from "./agent-deps.ts";
import type { AgentPlan } from "./plan.ts";

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

type Facts<T extends AgentEvent> = Omit<EventData<T>, "agent_id" | "agent_type" | "epoch">;

/** What is published about one agent. */
export class AgentVoice {
  readonly #plan: AgentPlan;
  readonly #publish: PublishEvent;
  epoch = 0;

  constructor(plan: AgentPlan, publish: PublishEvent) {
    this.#plan = plan;
    this.#publish = publish;
  }

  say<T extends AgentEvent>(type: T, facts: Facts<T>): void {
    this.#publish(type, this.#source, { ...this.#who, ...facts } as EventData<T>);
  }

  heartbeat({ seq, activity, rssBytes, lagMs }: Beat): void {
    this.#publish("agent.heartbeat", this.#source, {
      ...this.#who,
      seq,
      activity,
      ...(rssBytes === undefined ? {} : { rss_bytes: rssBytes }),
      ...(lagMs === undefined ? {} : { lag_ms: lagMs }),
    });
  }

  running(container: Container, isolation: Isolation, wasAdopted: boolean, restarts: number): void {
    const facts = { ...this.#who, container_id: container.id, pid: container.pid };
    if (wasAdopted) {
      this.#publish("agent.adopted", this.#source, facts);
      return;
    }
    this.#publish("agent.started", this.#source, { ...facts, isolation });
    if (restarts > 0) this.#publish("agent.restarted", this.#source, { ...facts, restarts });
  }

  get #source(): string {
    return `agent:${this.#plan.agentId}`;
  }

  get #who() {
    const { agentId, manifest } = this.#plan;
    return { agent_id: agentId, agent_type: manifest.name, epoch: this.epoch };
  }
}
