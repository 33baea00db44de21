/** The callbacks of a transport. None is called after `onClose`. */
export interface TransportEvents {
  /** One complete line, without its newline. */
  onLine(line: string): void;
  /** The transport takes lines again after `send` had answered false. */
  onDrain(): void;
  /** Calls once, also after `close`. `reason` is undefined when the peer closed in good order. */
  onClose(reason: Error | undefined): void;
}

/** One open connection that carries lines. */
export interface Transport {
  /**
   * Takes one line without its newline. False: taken, but hold further lines until `onDrain`. Without effect once closed.
   * @param isAlone whether the line must not be joined with others
   */
  send(line: string, isAlone: boolean): boolean;
  /** Sends the accepted data, then closes. Idempotent; `onClose` is called when it has closed. */
  close(): void;
}

/** Opens a connection; rejects when that fails or the signal aborts. */
export type OpenTransport = (events: TransportEvents, signal: AbortSignal) => Promise<Transport>;
