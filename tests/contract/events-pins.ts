// The pinned names of events, tasks, the outbox and alerts.

export const eventMethodRoles: Record<string, string> = {
  "event.ack": "admin operator viewer agent",
  "event.consumers": "admin operator viewer",
  "event.forget": "admin operator",
  "event.dead_letters": "admin operator viewer",
  "event.redeliver": "admin operator",
  "event.discard": "admin operator",
  "agent.send": "admin operator agent",
  "task.create": "admin operator agent",
  "task.assign": "admin operator",
  "task.claim": "agent",
  "task.update": "agent",
  "task.list": "admin operator viewer agent",
  "task.delete": "admin operator",
  "queue.list": "admin operator viewer",
  "queue.retry": "admin operator",
  "queue.drop": "admin operator",
};

export const eventErrorNumbers: Record<string, number> = {
  DEAD_LETTER_NOT_FOUND: 1801,
  TASK_NOT_FOUND: 1802,
  TASK_STATE_CONFLICT: 1803,
  QUEUE_MESSAGE_NOT_FOUND: 1804,
  OUTBOX_FULL: 1805,
};

export const eventEventTypes: Record<string, readonly [channel: string, priority: string]> = {
  "agent.message": ["agent.<agent_id>.message", "normal"],
  "agent.inbox_full": ["agent.<agent_id>.inbox_full", "high"],
  "event.dead_lettered": ["event.dead_lettered", "high"],
  "alert.raised": ["alert.<rule>.raised", "high"],
  "alert.recovered": ["alert.<rule>.recovered", "normal"],
  "alert.pulse_failed": ["alert.pulse_failed", "high"],
  "alert.pulse_recovered": ["alert.pulse_recovered", "normal"],
  "bridge.disk_low": ["bridge.disk_low", "critical"],
  "bridge.disk_recovered": ["bridge.disk_recovered", "normal"],
  "bridge.interrupted": ["bridge.interrupted", "high"],
  "bridge.logins_refused": ["bridge.logins_refused", "high"],
  "bridge.stalled": ["bridge.stalled", "high"],
  "queue.sent": ["queue.<destination>.sent", "low"],
  "queue.late": ["queue.<destination>.late", "high"],
  "queue.dead": ["queue.<destination>.dead", "critical"],
  "task.created": ["task.<task_id>.created", "normal"],
  "task.unserved": ["task.<task_id>.unserved", "normal"],
  "task.offered": ["agent.<agent_id>.task.offered", "normal"],
  "task.claimed": ["task.<task_id>.claimed", "normal"],
  "task.progressed": ["task.<task_id>.progressed", "low"],
  "task.done": ["task.<task_id>.done", "normal"],
  "task.failed": ["task.<task_id>.failed", "normal"],
  "task.dead": ["task.<task_id>.dead", "high"],
};
