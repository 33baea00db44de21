export { Doctor } from "./doctor.ts";
