export { Doctor } from "./doctor.ts";
export { examineHealth, type Health } from "./health.ts";
