/** The catalogue's rows of events, tasks and the outbox. */
export const eventsErrors = {
  DEAD_LETTER_NOT_FOUND: {
    rpcCode: 1801,
    retryable: false,
    summary: "No such dead letter",
    remedy: "`armorclaw event dead-letters` lists them",
  },
  TASK_NOT_FOUND: {
    rpcCode: 1802,
    retryable: false,
    summary: "No such task",
    remedy: "`armorclaw task list` lists the tasks",
  },
  TASK_STATE_CONFLICT: {
    rpcCode: 1803,
    retryable: false,
    summary: "The task's state does not allow this",
    remedy: "`armorclaw task list` shows its state and who has it",
  },
  QUEUE_MESSAGE_NOT_FOUND: {
    rpcCode: 1804,
    retryable: false,
    summary: "No such message in the outbox",
    remedy: "`armorclaw queue ls` lists the messages",
  },
  OUTBOX_FULL: {
    rpcCode: 1805,
    retryable: true,
    summary: "Too many messages wait for this destination",
    remedy: "`armorclaw queue ls` shows what holds them up; drop what is not wanted any more",
  },
} as const;
