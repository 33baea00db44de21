import type { Result } from "@armorclaw/protocol";
import type { View } from "../core/output.ts";
import { formatTime } from "./format.ts";
import { renderTable } from "./table.ts";

const barCells = 20;

/** A bar that is full at 1, with its percentage. */
export function progressBar(progress: number): string {
  const full = Math.round(progress * barCells);
  const percent = String(Math.round(progress * 100)).padStart(3);
  return `${"█".repeat(full)}${"░".repeat(barCells - full)} ${percent} %`;
}

const taskColumns = [
  { title: "TASK" },
  { title: "TITLE" },
  { title: "STATE" },
  { title: "AGENT" },
  { title: "PROGRESS", dropOrder: 2 },
  { title: "TRY", dropOrder: 3 },
  { title: "MESSAGE", dropOrder: 1 },
];

export function renderTasks({ tasks }: Result<"task.list">, view: View): string {
  if (tasks.length === 0) return "No tasks.";
  const rows = tasks.map((task) => [
    String(task.task_id),
    task.title,
    task.state,
    task.agent_id ?? `any with ${task.capability}`,
    task.progress === null ? "-" : progressBar(task.progress),
    `${task.attempts} of ${task.attempts_max}`,
    task.message ?? "-",
  ]);
  return renderTable(taskColumns, rows, view);
}

const messageColumns = [
  { title: "MESSAGE" },
  { title: "TO" },
  { title: "STATE" },
  { title: "TRIES", dropOrder: 2 },
  { title: "SINCE", dropOrder: 3 },
  { title: "LAST ERROR", dropOrder: 1 },
];

export function renderMessages({ messages }: Result<"queue.list">, view: View): string {
  if (messages.length === 0) return "No messages wait.";
  const rows = messages.map((message) => [
    String(message.message_id),
    `${message.destination} ${message.lane}`,
    message.state,
    String(message.attempts),
    formatTime(message.created_at, view.nowMs),
    message.last_error ?? "-",
  ]);
  return renderTable(messageColumns, rows, view);
}

const letterColumns = [
  { title: "ID" },
  { title: "SUBSCRIPTION" },
  { title: "EVENT" },
  { title: "TRIES", dropOrder: 2 },
  { title: "DIED", dropOrder: 3 },
  { title: "REASON", dropOrder: 1 },
];

export function renderDeadLetters({ dead_letters }: Result<"event.dead_letters">, view: View): string {
  if (dead_letters.length === 0) return "No dead letters.";
  const rows = dead_letters.map((letter) => [
    String(letter.dead_letter_id),
    `${letter.owner}/${letter.name}`,
    `${letter.event.type} ${letter.event.seq}`,
    String(letter.attempts),
    formatTime(letter.died_at, view.nowMs),
    letter.reason,
  ]);
  return renderTable(letterColumns, rows, view);
}
