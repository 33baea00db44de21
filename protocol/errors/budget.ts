/** The catalogue's rows of budgets (1300–1319) and of the model broker (1320–1339). */
export const budgetErrors = {
  BUDGET_EXCEEDED: {
    rpcCode: 1301,
    retryable: false,
    summary: "The call could cost more than the budget has left",
    remedy: "Run `armorclaw budget show` to see the limit, then wait for its window to end, raise it, or top it up",
  },
  BUDGET_FROZEN: {
    rpcCode: 1302,
    retryable: false,
    summary: "The agent is frozen, because its budget is used up",
    remedy: "Top the limit up with `armorclaw budget topup`, raise it, or wait until its window ends",
  },
  RESERVATION_NOT_FOUND: {
    rpcCode: 1303,
    retryable: false,
    summary: "No such open reservation",
    remedy: "Make a new reservation; one can be settled only once, and only by the agent that made it",
  },
  PRICE_UNKNOWN: {
    rpcCode: 1304,
    retryable: false,
    summary: "The model or service has no price, so its cost cannot be bounded",
    remedy: "Set its price under `budget.prices` in the configuration, or give the model a hard limit in tokens",
  },
  BUDGET_WINDOW_OVER: {
    rpcCode: 1305,
    retryable: false,
    summary: "The budget window that the request was for has ended",
    remedy: "Request it again if the new window needs it too",
  },
  RUNAWAY_LIMIT: {
    rpcCode: 1306,
    retryable: true,
    summary: "The agent reached a limit that stops runaway agents",
    remedy: "Repair and restart the agent, or raise the limit that `details.limit` names under `llm.runaway_limits`",
  },
  NO_NEW_INPUT: {
    rpcCode: 1307,
    retryable: true,
    summary: "The agent has received nothing new since its last turn",
    remedy:
      "Call after something arrived, or send the `state` that the agent looked at; `llm.runaway_limits.idle_gate = false` switches this check off",
  },
  BUDGET_NOT_GRANTED: {
    rpcCode: 1308,
    retryable: false,
    summary: "No hard limit bounds what this agent may reserve",
    remedy:
      "Set a hard limit in cost for the agent or its loop, e.g. `armorclaw budget set agent:mail-1 --per day --hard 1`",
  },
  BUDGET_LIMIT_NOT_FOUND: {
    rpcCode: 1309,
    retryable: false,
    summary: "No such limit is set",
    remedy: "Run `armorclaw budget show` to see the limits; a limit is named by its scope, window and unit",
  },
  LLM_MODEL_NOT_FOUND: {
    rpcCode: 1321,
    retryable: false,
    summary: "No configured provider offers this model",
    remedy: "Run `armorclaw llm models` to list the models; add a provider under `llm.providers` in the configuration",
  },
  LLM_MODEL_NOT_ALLOWED: {
    rpcCode: 1322,
    retryable: false,
    summary: "The agent may not use this model",
    remedy: "Add it to `llm.policies.<loop or agent>.models` in the configuration",
  },
  LLM_REQUEST_REFUSED: {
    rpcCode: 1323,
    retryable: false,
    summary: "The bridge cannot forward this request",
    remedy: "Remove the field that `details.field` names: the bridge cannot bound its cost",
  },
  LLM_PROVIDER_REFUSED: {
    rpcCode: 1324,
    retryable: false,
    summary: "The provider refused the request",
    remedy: "Read `details.status` and the message; 401 and 403 mean that the stored key is wrong",
  },
  LLM_PROVIDER_UNAVAILABLE: {
    rpcCode: 1325,
    retryable: true,
    summary: "The provider does not answer, or limits the rate",
    remedy:
      "Try again after `details.retry_after_ms`; name a fallback model under `llm.fallbacks` in the configuration",
  },
  LLM_STREAM_FAILED: {
    rpcCode: 1326,
    retryable: true,
    summary: "The provider's answer ended too early",
    remedy: "Send the request again if you still need the answer; the part that arrived was charged",
  },
  LLM_CUT: {
    rpcCode: 1327,
    retryable: false,
    summary: "The bridge cut the answer because its reservation was used up",
    remedy: "Raise `max_output_tokens`, or use another provider: this one wrote more than was requested",
  },
} as const;
