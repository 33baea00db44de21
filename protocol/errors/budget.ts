/** The catalogue's rows of budgets (1300–1319) and of the model broker (1320–1339). */
export const budgetErrors = {
  BUDGET_EXCEEDED: {
    rpcCode: 1301,
    retryable: false,
    summary: "The budget has no room for this",
    remedy: "`armorclaw budget status` shows the limit; wait for its window to end, raise it, or ask for a top-up",
  },
  BUDGET_FROZEN: {
    rpcCode: 1302,
    retryable: false,
    summary: "The agent is frozen, because its budget is used up",
    remedy: "Top its limit up (`armorclaw budget topup`), raise it, or wait for the window's end",
  },
  RESERVATION_NOT_FOUND: {
    rpcCode: 1303,
    retryable: false,
    summary: "No such open reservation",
    remedy: "A reservation is settled once, by whoever made it",
  },
  PRICE_UNKNOWN: {
    rpcCode: 1304,
    retryable: false,
    summary: "This has no price, so its cost cannot be bounded",
    remedy: "Set `budget.prices` for it in the configuration, or give the model a hard limit in tokens",
  },
  BUDGET_WINDOW_OVER: {
    rpcCode: 1305,
    retryable: false,
    summary: "The window that the grant was asked for is over",
    remedy: "Ask again if the new window needs it too",
  },
  RUNAWAY_LIMIT: {
    rpcCode: 1306,
    retryable: true,
    summary: "The agent reached a limit that stops runaway agents",
    remedy:
      "`details.limit` names the limit; repair and restart the agent, or raise the limit under `llm.runaway_limits`",
  },
  NO_NEW_INPUT: {
    rpcCode: 1307,
    retryable: true,
    summary: "The agent has received nothing new since its last turn",
    remedy:
      "Call after something arrived, or send the `state` that the agent looked at; `llm.runaway_limits.idle_gate = false` switches this check off",
  },
  LLM_MODEL_NOT_FOUND: {
    rpcCode: 1321,
    retryable: false,
    summary: "No provider offers this model",
    remedy: "`armorclaw llm models` lists the models; providers are configured under `llm.providers`",
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
    summary: "The bridge cannot pass this request on",
    remedy: "See `details.field`: it asks for what the bridge cannot bound, or does not know",
  },
  LLM_PROVIDER_REFUSED: {
    rpcCode: 1324,
    retryable: false,
    summary: "The provider refused the request",
    remedy: "See `details.status` and the message; a 401 or 403 means that the bridge's key for it is wrong",
  },
  LLM_PROVIDER_UNAVAILABLE: {
    rpcCode: 1325,
    retryable: true,
    summary: "The provider does not answer, or limits the rate",
    remedy: "Wait for `details.retry_after_ms`; a fallback model can be named under `llm.fallbacks`",
  },
  LLM_STREAM_FAILED: {
    rpcCode: 1326,
    retryable: true,
    summary: "The provider's answer broke off",
    remedy: "What came so far was billed; ask again if the answer is still wanted",
  },
  LLM_CUT: {
    rpcCode: 1327,
    retryable: false,
    summary: "The answer was cut, because its reservation was spent",
    remedy:
      "The provider wrote more than it was asked to; ask for more with `max_output_tokens`, or change the provider",
  },
} as const;
