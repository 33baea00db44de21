/** The catalogue's rows of events, tasks and the outbox. */
export const eventsErrors = {
  DEAD_LETTER_NOT_FOUND: {
    rpcCode: 1801,
    retryable: false,
    summary: "No such dead letter",
    remedy: "Run `armorclaw dead-letters` to list the dead letters",
  },
  TASK_NOT_FOUND: {
    rpcCode: 1802,
    retryable: false,
    summary: "No such task",
    remedy: "Run `armorclaw tasks` to list the tasks",
  },
  TASK_STATE_CONFLICT: {
    rpcCode: 1803,
    retryable: false,
    summary: "The task's state does not allow this",
    remedy: "Run `armorclaw tasks` to see the task's state and its agent",
  },
  QUEUE_MESSAGE_NOT_FOUND: {
    rpcCode: 1804,
    retryable: false,
    summary: "No such message in the outbox",
    remedy: "Run `armorclaw queue ls` to list the messages",
  },
  OUTBOX_FULL: {
    rpcCode: 1805,
    retryable: true,
    summary: "Too many messages wait for this destination",
    remedy: "Run `armorclaw queue ls` to see the last error of each, and drop messages that are no longer needed",
  },
} as const;
