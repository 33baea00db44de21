export type { Task } from "./rows.ts";
export { tasksMigrations } from "./schema.ts";
export { Tasks, type TasksDeps, type TaskUpdate, type Workers } from "./tasks.ts";
