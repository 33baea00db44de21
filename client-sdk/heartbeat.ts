/** The connection as its heartbeat uses it. */
export interface HeartbeatOptions {
  /** 0 for no heartbeat. */
  readonly heartbeatMs: number;
  /** Rejects when there is no answer in time. */
  readonly ping: (deadlineMs: number) => Promise<unknown>;
}

/** One connection's heartbeat. */
export interface Heartbeat {
  /** Resets the silence after input from the bridge. */
  heard(): void;
  stop(): void;
}

/** Pings a silent bridge, to detect a connection whose other end has disappeared. */
export function startHeartbeat({ heartbeatMs, ping }: HeartbeatOptions, onSilence: (reason: Error) => void): Heartbeat {
  if (heartbeatMs === 0) return { heard: () => {}, stop: () => {} };
  let heardAt = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - heardAt < heartbeatMs) return;
    ping(heartbeatMs).catch(() => {
      if (performance.now() - heardAt >= heartbeatMs)
        onSilence(new Error(`The bridge was silent for ${heartbeatMs} ms`));
    });
  }, heartbeatMs);
  return {
    heard() {
      heardAt = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}
