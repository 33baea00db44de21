export { type LifecycleOptions, runServices, type Service } from "./lifecycle.ts";
