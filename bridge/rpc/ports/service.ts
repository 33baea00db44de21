/** A part of a program that is started, drained and stopped in order. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  /** Refuses new work and finishes current work until `deadline` aborts. */
  drain?(deadline: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}
