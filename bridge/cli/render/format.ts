/** `950 ms`, `12 s`, `3 m 5 s`, `2 h 10 m`, `4 d 3 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (minutes === 0) return `${seconds} s`;
  if (hours === 0) return `${minutes} m ${seconds % 60} s`;
  const days = Math.floor(hours / 24);
  return days === 0 ? `${hours} h ${minutes % 60} m` : `${days} d ${hours % 24} h`;
}

/** The time since a timestamp; `-` when there is none. */
export function formatAge(timestamp: string | null, nowMs: number): string {
  return timestamp === null ? "-" : formatDuration(nowMs - Date.parse(timestamp));
}

export function formatBytes(bytes: number | null): string {
  if (bytes === null) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? "B"}`;
}

/** A timestamp in local time; with its date unless it is of today. */
export function formatTime(timestamp: string, nowMs: number): string {
  const time = new Date(timestamp);
  if (Number.isNaN(time.getTime())) return timestamp;
  const two = (number: number) => String(number).padStart(2, "0");
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  if (time.toDateString() === new Date(nowMs).toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}
