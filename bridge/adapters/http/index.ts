export {
  HttpBroker,
  type HttpBrokerDeps,
  type HttpBrokerSettings,
  type HttpCall,
  type HttpResult,
  type TokenSource,
} from "./http.ts";
