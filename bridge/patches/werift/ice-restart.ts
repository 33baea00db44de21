import type { RTCPeerConnection } from "werift";

type Ice = RTCPeerConnection["iceTransports"][number]["connection"] & {
  readonly checkList: readonly Pair[];
  /** Private in werift: they handle an incoming check after its response, and build werift's own checks. */
  checkIncoming: (check: { getAttributeValue(name: "USERNAME"): unknown }, address: Address, protocol: unknown) => void;
  buildRequest: (parts: { readonly localUsername: string }) => unknown;
};
type Pair = NonNullable<RTCPeerConnection["iceTransports"][number]["connection"]["nominated"]>;
type Address = readonly [host: string, port: number];

/**
 * Sends to the far end again after the far end restarted ICE. werift forgets the pair in use when the new credentials arrive, and
 * checks again only in a connection whose DTLS is not connected yet: it answers the far end's checks, chooses no pair and sends nothing.
 */
export class IceRestarts {
  readonly #connection: RTCPeerConnection;
  #ice: Ice | undefined;
  #generation = 0;
  /** The pair of the previous generation, which is used until the new one has a pair (RFC 8445 §9). */
  #former: Pair | undefined;

  constructor(connection: RTCPeerConnection) {
    this.#connection = connection;
  }

  /** To be called before the remote description is set. */
  before(): void {
    this.#former = this.#ice?.nominated ?? this.#former;
  }

  /** To be called after the local description is set. Resolves when a pair is chosen, or at once when ICE was not restarted. */
  async after(): Promise<void> {
    const [dtls] = this.#connection.dtlsTransports;
    const ice = dtls?.iceTransport.connection as Ice | undefined;
    if (ice === undefined) return;
    if (this.#ice === undefined) {
      sendMeanwhile(ice, () => this.#former);
      checkAsChecked(ice);
    }
    this.#ice = ice;
    const isRestarted = ice.generation !== this.#generation;
    this.#generation = ice.generation;
    // Before DTLS is connected werift checks by itself.
    if (isRestarted && dtls?.state === "connected") await ice.connect();
  }
}

function sendMeanwhile(ice: Ice, former: () => Pair | undefined): void {
  const { send } = ice;
  ice.send = async (data) => {
    const pair = ice.nominated === undefined ? former() : undefined;
    if (pair === undefined) await send(data);
    else await pair.protocol.sendData(data, pair.remoteAddr);
  };
}

/**
 * Before browsers have the answer they send checks with the bridge's old credentials from two sets of ports. Pairs with their old ports
 * must not be chosen any more. Pairs with their new ports may be: a browser keeps such a pair under the old credentials, and accepts
 * consent checks under no others.
 */
function checkAsChecked(ice: Ice): void {
  const users = new WeakMap<Pair, string>();
  const [checkIncoming, buildRequest] = [ice.checkIncoming.bind(ice), ice.buildRequest.bind(ice)];
  ice.checkIncoming = (check, address, protocol) => {
    const [own = "", far] = String(check.getAttributeValue("USERNAME")).split(":");
    if (far !== ice.remoteUsername) return;
    checkIncoming(check, address, protocol);
    const [host, port] = address;
    const isChecked = (pair: Pair) =>
      pair.protocol === protocol && pair.remoteAddr[0] === host && pair.remoteAddr[1] === port;
    for (const pair of ice.checkList.filter(isChecked)) users.set(pair, own);
  };
  ice.buildRequest = (parts) => {
    const user = ice.nominated === undefined ? undefined : users.get(ice.nominated);
    return buildRequest({ ...parts, localUsername: user ?? parts.localUsername });
  };
}
