import { Circuits } from "../adapters/http/circuits.ts";
import { webhook } from "../adapters/http/webhook.ts";
import { Mailbox } from "../events/index.ts";
import type { AgentDirectory } from "../lifecycle/index.ts";
import type { Outbox } from "../outbox/index.ts";
import { Tasks } from "../tasks/index.ts";
import type { Ground } from "./ground.ts";

/** Composes messages between agents, tasks, and the webhooks that the outbox sends to. */
export function composeMessaging({ store, log, logging, config }: Ground, outbox: Outbox, agents: AgentDirectory) {
  const circuits = new Circuits({ clock: log.clock, logger: logging.child("webhook") }, config.http);
  outbox.register(webhook(new Map(Object.entries(config.webhooks)), circuits));
  return {
    mailbox: new Mailbox(log),
    tasks: new Tasks({ log, store, workers: agents, logger: logging.child("tasks") }),
    circuits: () => circuits.states,
  };
}
