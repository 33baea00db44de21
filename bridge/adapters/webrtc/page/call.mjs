import { BridgeCall } from "./bridge-call.mjs";

const storeKey = "armorclaw.resume";
const tokenKey = "armorclaw.token";
const byId = (id) => document.getElementById(id);
const [callButton, muteButton, holdButton, endButton] = ["call", "mute", "hold", "end"].map(byId);
const texts = {
  connecting: "Connecting…",
  active: "Connected",
  held: "On hold",
  reconnecting: "Connection lost, trying again…",
  ended: "The call has ended",
};
const statRows = {
  packets_received: "Packets received",
  recovered: "Recovered",
  concealed: "Concealed",
  jitter_ms: "Jitter (ms)",
  target_ms: "Buffer (ms)",
  packets_sent: "Packets sent",
  tick_lag_max_ms: "Longest stall (ms)",
};

const voice = new Audio();
voice.autoplay = true;
/** The one call of this page, once it is begun. */
const page = { call: undefined };

// The token stands in the fragment, which no server sees, and leaves the address bar at once. Until it is used, the tab keeps it.
const given = new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
if (given !== undefined) sessionStorage.setItem(tokenKey, given);
const token = given ?? sessionStorage.getItem(tokenKey) ?? undefined;
history.replaceState(null, "", location.pathname);

callButton.addEventListener("click", () => begin({ token: window.bridgeToken ?? token }));
muteButton.addEventListener("click", () => toggle(muteButton, (isOn) => page.call.mute(isOn)));
holdButton.addEventListener("click", () => toggle(holdButton, (isOn) => page.call.hold(isOn)));
endButton.addEventListener("click", () => page.call.end());
byId("consent").addEventListener("click", () => page.call.consent());

const resumeToken = sessionStorage.getItem(storeKey) ?? undefined;
if (token === undefined && resumeToken !== undefined) void begin({ resumeToken });
else if (token === undefined && window.bridgeToken === undefined) {
  callButton.disabled = true;
  problem("This page was opened without a call token. Ask for a new link.");
}

async function begin(entry) {
  callButton.disabled = true;
  problem(undefined);
  say(texts.connecting);
  sessionStorage.removeItem(storeKey);
  let microphone;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const call = new BridgeCall({ url: `${scheme}//${location.host}/call/signaling`, ...entry });
    page.call = call;
    window.bridgeCall = call;
    listen(call, microphone);
    voice.srcObject = await call.start(microphone);
    for (const button of [muteButton, holdButton, endButton]) button.disabled = false;
    muteButton.focus();
    watchStats(call);
  } catch (error) {
    problem(
      error.name === "NotAllowedError"
        ? "The browser may not use the microphone. Allow it, and call again."
        : error.message,
    );
    if (microphone !== undefined) finish("Not connected");
    else {
      // The bridge was not asked yet, so the link is as good as before.
      say("Not connected");
      callButton.disabled = false;
      if (entry.resumeToken !== undefined) sessionStorage.setItem(storeKey, entry.resumeToken);
    }
  }
}

function listen(call, microphone) {
  call.addEventListener("hello", ({ detail }) => {
    sessionStorage.removeItem(tokenKey);
    sessionStorage.setItem(storeKey, detail.resume_token);
    byId("consent-box").hidden = !detail.recording.is_wanted || detail.recording.is_recording;
  });
  call.addEventListener("state", ({ detail }) => say(texts[detail.state] ?? detail.state));
  call.addEventListener("level", ({ detail }) => {
    show(byId("level-you"), detail.caller_db);
    show(byId("level-agent"), detail.agent_db);
  });
  call.addEventListener("transcript", ({ detail }) => write(detail));
  call.addEventListener("recording", () => {
    byId("consent-box").hidden = true;
    byId("recording").hidden = false;
  });
  call.addEventListener("relayerror", ({ detail }) => {
    if (detail.code === 401) problem("The relay refused the call's credentials. Ask for a new link.");
  });
  call.addEventListener("goodbye", ({ detail }) => {
    sessionStorage.removeItem(storeKey);
    finish(`${texts.ended} (${detail.reason.replaceAll("_", " ")})`);
  });
  call.addEventListener("closed", () => {
    for (const track of microphone.getTracks()) track.stop();
    finish(texts.ended);
  });
}

function finish(text) {
  if (callButton.dataset.over === "true") return;
  say(text);
  for (const button of [muteButton, holdButton, endButton]) button.disabled = true;
  byId("recording").hidden = true;
  // A token is good for one call.
  callButton.dataset.over = "true";
}

async function toggle(button, act) {
  const isOn = button.getAttribute("aria-pressed") !== "true";
  try {
    await act(isOn);
    button.setAttribute("aria-pressed", String(isOn));
  } catch (error) {
    problem(error.message);
  }
}

function write({ who, text }) {
  const log = byId("transcript");
  log.querySelector(".empty")?.remove();
  const line = document.createElement("p");
  const speaker = document.createElement("strong");
  speaker.textContent = who === "caller" ? "You: " : "Agent: ";
  line.append(speaker, text);
  log.append(line);
  log.scrollTop = log.scrollHeight;
}

function show(meter, decibel) {
  meter.value = decibel;
  meter.textContent = decibel <= -60 ? "silent" : `${decibel} dB`;
}

function say(text) {
  byId("state").textContent = text;
}

function problem(text) {
  byId("problem").hidden = text === undefined;
  byId("problem").textContent = text ?? "";
}

/** Asks while the statistics are shown, every two seconds; the page's own frames are the clock. */
function watchStats(call) {
  let askedAt = 0;
  const look = async (now) => {
    if (callButton.dataset.over === "true") return;
    requestAnimationFrame(look);
    if (now - askedAt < 2000 || !document.querySelector("details").open) return;
    askedAt = now;
    const stats = await call.stats().catch(() => ({}));
    const rows = Object.entries(statRows).map(([key, label]) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      const cell = document.createElement("td");
      head.scope = "row";
      head.textContent = label;
      cell.textContent = stats[key] ?? "–";
      row.append(head, cell);
      return row;
    });
    byId("stats").replaceChildren(...rows);
  };
  requestAnimationFrame(look);
}
