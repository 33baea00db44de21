export { circuitGauges } from "./circuit-metrics.ts";
export {
  HttpBroker,
  type HttpBrokerDeps,
  type HttpBrokerSettings,
  type HttpCall,
  type HttpResult,
  type TokenSource,
} from "./http.ts";
export { type KeyProbe, keyProbe } from "./probe.ts";
