import type { FlagSpec } from "../../core/flags.ts";
import type { Command } from "./command.ts";

const window: FlagSpec = {
  name: "per",
  key: "window",
  kind: "string",
  choices: ["hour", "day", "week", "month", "all"],
  description: "The budget window; all has no end. Default: day.",
};
const unit: FlagSpec = {
  name: "unit",
  key: "unit",
  kind: "string",
  choices: ["usd", "tokens", "calls", "ms"],
  description: "The unit of the amounts. Default: usd.",
};

/** The commands for budgets. People write dollars; the wire has nano-dollars. */
export const budgetCommands: readonly Command[] = [
  {
    name: "budget show",
    group: "Budget",
    summary: "List the limits with what is spent of each and when it runs out",
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
        description: "Refuse calls that would exceed this amount.",
      },
      { name: "soft", key: "soft", kind: "number", description: "Send an alert when this amount is exceeded." },
      {
        name: "on-hard",
        key: "on_hard",
        kind: "string",
        choices: ["refuse", "freeze", "stop"],
        description: "What else happens to the agent at the hard limit.",
      },
    ],
  },
  {
    name: "budget unset",
    group: "Budget",
    args: "SCOPE",
    summary: "Remove a limit, e.g. budget unset agent:* --per day",
    flags: [window, unit],
  },
  {
    name: "budget report",
    group: "Budget",
    summary: "Report what was spent, by agent, model, day and more",
    flags: [
      {
        name: "by",
        key: "by",
        kind: "string",
        placeholder: "LIST",
        description: "e.g. agent,model,day: agent, loop, provider, model, task, run, hour, day, week, month.",
      },
      {
        name: "from",
        key: "from",
        kind: "string",
        placeholder: "TIME",
        isTime: true,
        description: "The start of the report.",
      },
      {
        name: "to",
        key: "to",
        kind: "string",
        placeholder: "TIME",
        isTime: true,
        description: "The end of the report.",
      },
      { name: "limit", key: "limit", kind: "number", description: "How many rows to print at most." },
      { name: "csv", key: "csv", kind: "boolean", description: "Print comma-separated values." },
    ],
  },
  {
    name: "budget topup",
    group: "Budget",
    args: "SCOPE",
    summary: "Raise a limit for its current window, e.g. budget topup global --amount 2 --reason R",
    flags: [
      window,
      unit,
      { name: "amount", key: "amount", kind: "number", required: true, description: "The amount to add." },
      { name: "reason", key: "reason", kind: "string", required: true, description: "The reason, for the audit log." },
    ],
  },
];
