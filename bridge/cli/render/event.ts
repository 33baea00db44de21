import type { EventEnvelope, Priority } from "@armorclaw/protocol";
import type { Style, View } from "../core/output.ts";
import { visible } from "../core/visible.ts";
import { formatTime } from "./format.ts";
import { progressBar } from "./queue.ts";

const marks: Readonly<Record<Priority, readonly [mark: string, style: Style]>> = {
  critical: ["!!", ["bold", "red"]],
  high: ["! ", "yellow"],
  normal: ["  ", "reset"],
  low: ["  ", "dim"],
};

/** One event on one line: time, priority, type, source and short data. */
export function renderEvent(event: EventEnvelope, view: View): string {
  const [mark, style] = marks[event.priority] ?? marks.normal;
  const head = `${formatTime(event.time, view.nowMs)} ${mark} ${visible(event.type).padEnd(17)} ${visible(event.source).padEnd(18)}`;
  const text = `${head} ${isProgress(event) ? progress(event) : shortData(event)}`.trimEnd();
  const fitted =
    view.columns !== undefined && text.length > view.columns ? `${text.slice(0, view.columns - 1)}…` : text;
  return style === "reset" ? fitted : view.paint(style, fitted);
}

/** Whether the event reports progress: of a task, or of anything whose type ends with `progress`. */
const isProgress = ({ type, data }: EventEnvelope): boolean =>
  type === "task.progressed" || (/(?:^|\.)progress$/.test(type) && typeof data["progress"] === "number");

/** The title, a progress bar and the message. */
function progress({ data }: EventEnvelope): string {
  const { title, progress, message } = data;
  const bar = typeof progress === "number" ? progressBar(Math.min(1, Math.max(0, progress))) : undefined;
  const words = [title, bar, message].filter((word): word is string => typeof word === "string");
  return words.map(visible).join(" ");
}

/** `key=value` pairs, without the agent id when the source has it. */
function shortData({ data, source }: EventEnvelope): string {
  const pairs = Object.entries(data).filter(
    ([key, value]) => key !== "agent_id" || source !== `agent:${String(value)}`,
  );
  return pairs
    .map(([key, value]) => `${visible(key)}=${visible(typeof value === "string" ? value : JSON.stringify(value))}`)
    .join(" ");
}
