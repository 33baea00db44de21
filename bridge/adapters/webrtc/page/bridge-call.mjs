// Calls the bridge from a browser:
//
//   import { BridgeCall } from "/call/bridge-call.mjs";
//   const call = new BridgeCall({ url: "wss://bridge.example.org/call/signaling", token });
//   call.addEventListener("state", ({ detail }) => console.log(detail.state));
//   call.addEventListener("transcript", ({ detail }) => console.log(detail.who, detail.text));
//   const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
//   document.querySelector("audio").srcObject = await call.start(microphone);
//   call.mute(true);
//   await call.end();

const subprotocol = "bridge.rtc.v1";

/** A call to the bridge. Events: `state`, `transcript`, `level`, `recording`, `goodbye`, `relayerror`. */
export class BridgeCall extends EventTarget {
  #url;
  #token;
  #resumeToken;
  #socket;
  #connection;
  #waiting = new Map();
  #nextId = 1;
  #early = [];
  #isAnswered = false;
  #remote = new MediaStream();
  #isClosed = false;
  #isReturning = false;

  /** @param options `{ url, token }` to join, or `{ url, resumeToken }` to resume, for example after the page was reloaded */
  constructor({ url, token, resumeToken }) {
    super();
    this.#url = url;
    this.#token = token;
    this.#resumeToken = resumeToken;
  }

  /** Lets the caller in again later. Changes with each connection; keep the last one. */
  get resumeToken() {
    return this.#resumeToken;
  }

  get connection() {
    return this.#connection;
  }

  /** Connects and sends the microphone's audio. @returns the stream of the other side's audio */
  async start(microphone) {
    await this.#open();
    const isFresh = this.#token === undefined;
    const hello = await this.#request(
      "rtc.hello",
      isFresh ? { resume_token: this.#resumeToken } : { token: this.#token },
    );
    this.#resumeToken = hello.resume_token;
    this.#tell("hello", hello);
    this.#connection = new RTCPeerConnection({
      iceServers: hello.ice_servers,
      iceTransportPolicy: hello.ice_transport_policy,
    });
    const connection = this.#connection;
    for (const track of microphone.getAudioTracks()) connection.addTrack(track, microphone);
    connection.ontrack = ({ track, receiver }) => {
      // Enough for the jitter of a good line; it grows by itself on a bad one.
      receiver.jitterBufferTarget = 40;
      this.#remote.addTrack(track);
    };
    connection.onicecandidateerror = ({ errorCode, errorText, url }) => {
      this.#tell("relayerror", { code: errorCode, text: errorText, url });
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) return;
      this.#request("rtc.candidates", { candidates: [candidate.toJSON()] }).catch(() => undefined);
    };
    connection.onconnectionstatechange = () => {
      this.#tell("connection", { state: connection.connectionState });
      if (connection.connectionState === "failed") this.restart().catch(() => undefined);
    };
    await this.#offer({ is_fresh: isFresh });
    return this.#remote;
  }

  /** Finds a new way through the network for a call whose old one broke. */
  async restart() {
    this.#connection.restartIce();
    await this.#offer({});
  }

  /** Silences the microphone, here and at the bridge. */
  async mute(isMuted) {
    for (const { track } of this.#connection.getSenders()) if (track !== null) track.enabled = !isMuted;
    await this.#request("rtc.mute", { muted: isMuted });
  }

  async hold(isHeld) {
    await this.#request("rtc.hold", { held: isHeld });
  }

  /** Agrees to be recorded. */
  async consent() {
    return await this.#request("rtc.consent", { recording: true });
  }

  /** Presses telephone keys. */
  press(digits) {
    this.#connection.getSenders()[0]?.dtmf?.insertDTMF(digits);
  }

  /** What the bridge measures of this call. */
  async stats() {
    return await this.#request("rtc.stats", {});
  }

  /** Hangs up. */
  async end() {
    await this.#request("rtc.end", {}).catch(() => undefined);
    this.close();
  }

  /** Lets go of everything without a word to the bridge. */
  close() {
    this.#isClosed = true;
    this.#connection?.close();
    this.#socket?.close();
  }

  async #offer(more) {
    const connection = this.#connection;
    this.#isAnswered = false;
    this.#early = [];
    await connection.setLocalDescription(await connection.createOffer());
    const { sdp } = await this.#request("rtc.offer", { sdp: connection.localDescription.sdp, ...more });
    await connection.setRemoteDescription({ type: "answer", sdp });
    this.#isAnswered = true;
    this.#candidates(this.#early.splice(0));
  }

  #open() {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url, subprotocol);
      this.#socket = socket;
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("The bridge cannot be reached"));
      socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
      socket.onclose = ({ code, reason }) => {
        for (const { reject: refuse } of this.#waiting.values())
          refuse(new Error(reason || "The connection is closed"));
        this.#waiting.clear();
        void this.#returnOrEnd({ code, reason });
      };
    });
  }

  /** The sound may go on while signaling is gone: it is opened again, once, unless the bridge closed it on purpose. */
  async #returnOrEnd(closing) {
    const wasMeant = closing.code >= 4000 || this.#isClosed || this.#isReturning;
    if (!wasMeant && this.#connection !== undefined) {
      this.#isReturning = true;
      try {
        await this.#open();
        const hello = await this.#request("rtc.hello", { resume_token: this.#resumeToken, has_media: true });
        this.#resumeToken = hello.resume_token;
        this.#tell("hello", hello);
        return;
      } catch {
        // The bridge is gone for good, and the page is notified of that.
      } finally {
        this.#isReturning = false;
      }
    }
    if (!this.#isReturning) this.#tell("closed", closing);
  }

  #request(method, params) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(new Error("There is no connection to the bridge"));
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  #receive({ id, result, error, method, params }) {
    if (method === undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(result);
      else waiting?.reject(Object.assign(new Error(error.message), { code: error.data?.code }));
      return;
    }
    if (method === "rtc.candidates") this.#candidates(params.candidates);
    else if (method === "rtc.restart") this.restart().catch(() => undefined);
    else this.#tell(method.slice("rtc.".length), params);
    if (method === "rtc.goodbye") this.close();
  }

  /** A candidate that comes before its answer belongs to no description yet, and the browser would refuse it. */
  #candidates(candidates) {
    for (const candidate of candidates) {
      if (this.#isAnswered) this.#connection.addIceCandidate(candidate).catch(() => undefined);
      else this.#early.push(candidate);
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
