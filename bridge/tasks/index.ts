export { tasksMigrations } from "./migrations.ts";
export type { Task } from "./store.ts";
export { Tasks, type TasksDeps, type TaskUpdate, type Workers } from "./tasks.ts";
