import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { eventOf, type Peer } from "../peer.ts";

// JSON in place of protobuf would slow gRPC down, so these messages are encoded as bytes by hand.
const unbounded = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const encode = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const decode = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

const method = (name: string, responseStream: boolean) => ({
  path: `/bench.Echo/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: encode,
  requestDeserialize: decode,
  responseSerialize: encode,
  responseDeserialize: decode,
});

const service: ServiceDefinition = {
  echo: method("echo", false),
  publish: method("publish", false),
  subscribe: method("subscribe", true),
};

/** gRPC with JSON messages, so that both ends hold the same values as with the other peers. */
export const grpc: Peer = {
  pushes: true,
  async serve(path) {
    const subscribers = new Set<ServerWritableStream<unknown, unknown>>();
    let seq = 0;
    const server = new Server(unbounded);
    server.addService(service, {
      echo: (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => done(null, call.request),
      publish: (_: unknown, done: sendUnaryData<unknown>) => {
        seq += 1;
        for (const subscriber of subscribers) subscriber.write(eventOf(seq));
        done(null, true);
      },
      subscribe: (call: ServerWritableStream<unknown, unknown>) => {
        subscribers.add(call);
        for (const end of ["cancelled", "error"]) call.on(end, () => subscribers.delete(call));
        call.sendMetadata(new Metadata());
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  },
  async connect(path) {
    const client = new Client(`unix:${path}`, credentials.createInsecure(), {
      ...unbounded,
      "grpc.use_local_subchannel_pool": 1,
    });
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Date.now() + 5_000, (error) => (error === undefined ? resolve() : reject(error)));
    });
    let onEvent: () => void = () => undefined;
    const subscribe = () =>
      new Promise((resolve) => {
        const events = client.makeServerStreamRequest("/bench.Echo/subscribe", encode, decode, {});
        events.on("metadata", () => resolve(true));
        events.on("data", () => onEvent());
        events.on("error", () => undefined);
      });
    return {
      request: (name, params) =>
        name === "subscribe"
          ? subscribe()
          : new Promise((resolve, reject) => {
              client.makeUnaryRequest(`/bench.Echo/${name}`, encode, decode, params ?? {}, (error, value) => {
                if (error === null) resolve(value);
                else reject(error);
              });
            }),
      onEvent(listener) {
        onEvent = listener;
      },
    };
  },
};
