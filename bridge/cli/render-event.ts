import type { EventEnvelope, Priority } from "@armorclaw/protocol";
import { formatTime } from "./format.ts";
import type { Style, View } from "./output.ts";
import { progressBar } from "./render-queue.ts";
import { visible } from "./visible.ts";

const marks: Readonly<Record<Priority, readonly [mark: string, style: Style]>> = {
  critical: ["!!", ["bold", "red"]],
  high: ["! ", "yellow"],
  normal: ["  ", "reset"],
  low: ["  ", "dim"],
};

/** One event on one line: time, priority, type, source and short data. */
export function renderEvent(event: EventEnvelope, view: View): string {
  const [mark, style] = marks[event.priority] ?? marks.normal;
  const head = `${formatTime(event.time)} ${mark} ${visible(event.type).padEnd(17)} ${visible(event.source).padEnd(18)}`;
  const text = `${head} ${event.type === "task.progressed" ? taskProgress(event) : shortData(event)}`.trimEnd();
  const fitted =
    view.columns !== undefined && text.length > view.columns ? `${text.slice(0, view.columns - 1)}…` : text;
  return style === "reset" ? fitted : view.paint(style, fitted);
}

/** A task's title with its bar, and what was said of it. */
function taskProgress({ data }: EventEnvelope): string {
  const { title, progress, message } = data;
  const bar = typeof progress === "number" ? ` ${progressBar(progress)}` : "";
  const said = typeof message === "string" ? ` ${visible(message)}` : "";
  return `${visible(String(title))}${bar}${said}`;
}

/** `key=value` pairs, without what the source says already. */
function shortData({ data, source }: EventEnvelope): string {
  const pairs = Object.entries(data).filter(
    ([key, value]) => key !== "agent_id" || source !== `agent:${String(value)}`,
  );
  return pairs
    .map(([key, value]) => `${visible(key)}=${visible(typeof value === "string" ? value : JSON.stringify(value))}`)
    .join(" ");
}
