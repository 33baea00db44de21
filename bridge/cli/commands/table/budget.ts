import type { FlagSpec } from "../../core/flags.ts";
import type { Command } from "./command.ts";

const window: FlagSpec = {
  name: "per",
  key: "window",
  kind: "string",
  choices: ["hour", "day", "week", "month", "all"],
  description: "The window; day when left out. all has no end.",
};
const unit: FlagSpec = {
  name: "unit",
  key: "unit",
  kind: "string",
  choices: ["usd", "tokens", "calls", "ms"],
  description: "What the figures are in; usd when left out.",
};

/** The verbs of money, which people write in dollars. */
export const budgetCommands: readonly Command[] = [
  {
    name: "budget show",
    group: "Budget",
    summary: "Every limit, what is spent of it, and where it is going",
    method: "budget.status",
  },
  {
    name: "budget set",
    group: "Budget",
    args: "SCOPE",
    summary: "Set a limit, e.g. budget set agent:* --per day --hard 1",
    flags: [
      window,
      unit,
      {
        name: "hard",
        key: "hard",
        kind: "number",
        description: "Refuse what would pass it. With neither bound the limit is taken away.",
      },
      { name: "soft", key: "soft", kind: "number", description: "Tell when it is passed." },
      {
        name: "on-hard",
        key: "on_hard",
        kind: "string",
        choices: ["refuse", "freeze", "stop"],
        description: "What the agent meets, besides.",
      },
    ],
  },
  {
    name: "budget report",
    group: "Budget",
    summary: "What was spent, by agent, model, day and more",
    flags: [
      {
        name: "by",
        key: "by",
        kind: "string",
        placeholder: "LIST",
        description: "e.g. agent,model,day: agent, loop, provider, model, task, run, hour, day, week, month.",
      },
      { name: "from", key: "from", kind: "string", placeholder: "TIME", description: "RFC 3339." },
      { name: "to", key: "to", kind: "string", placeholder: "TIME", description: "RFC 3339." },
      { name: "limit", key: "limit", kind: "number", description: "The most rows." },
      { name: "csv", key: "csv", kind: "boolean", description: "Print comma-separated values." },
    ],
  },
  {
    name: "budget topup",
    group: "Budget",
    args: "SCOPE",
    summary: "Grant more for the present window, e.g. budget topup global --amount 2 --reason R",
    flags: [
      window,
      unit,
      { name: "amount", key: "amount", kind: "number", required: true, description: "How much more." },
      { name: "reason", key: "reason", kind: "string", required: true, description: "Why; it is recorded." },
    ],
  },
];
