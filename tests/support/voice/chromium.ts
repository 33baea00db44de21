/// <reference lib="dom" />
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const executablePath = "/usr/bin/chromium";

export const hasChromium = existsSync(executablePath);

/** A real browser without a window or a sound card. `microphone` is a WAV file that its microphone plays; the default is a beep. */
export async function startChromium(microphone?: string): Promise<Browser & AsyncDisposable> {
  const sound = microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphone}%noloop`];
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      "--autoplay-policy=no-user-gesture-required",
      // Without this option Chromium omits candidates of the loopback interface.
      "--allow-loopback-in-peer-connection",
      "--disable-background-networking",
      "--disable-component-update",
      ...sound,
    ],
  });
  return browser;
}

/** Makes the page's microphone a steady tone. Call it before the page is loaded. */
export const playTone = (page: Page, hertz: number): Promise<unknown> =>
  page.addInitScript((frequency: number) => {
    navigator.mediaDevices.getUserMedia = async () => {
      const context = new AudioContext({ sampleRate: 48_000 });
      const tone = new OscillatorNode(context, { frequency });
      const volume = new GainNode(context, { gain: 0.5 });
      const out = new MediaStreamAudioDestinationNode(context);
      tone.connect(volume).connect(out);
      tone.start();
      return out.stream;
    };
  }, hertz);

/** Returns the loudest frequency in the audio that the page receives, and its level. */
export const hearTone = (page: Page): Promise<{ hertz: number; rms: number }> =>
  page.evaluate(() => {
    const [receiver] = (window as unknown as PageWindow).bridgeCall.connection.getReceivers();
    const page = window as unknown as PageWindow;
    const track = receiver?.track ?? new MediaStreamTrack();
    if (page.listening?.track !== track) page.listening = { track, analyser: listenTo(new MediaStream([track])) };
    const { analyser } = page.listening;
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(spectrum);
    const loudest = spectrum.reduce((best, level, at) => (level > (spectrum[best] ?? -999) ? at : best), 1);
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const rms = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    return { hertz: (loudest * analyser.context.sampleRate) / analyser.fftSize, rms };

    function listenTo(stream: MediaStream): AnalyserNode {
      const context = new AudioContext({ sampleRate: 48_000 });
      const analyser = new AnalyserNode(context, { fftSize: 8_192, smoothingTimeConstant: 0 });
      context.createMediaStreamSource(stream).connect(analyser);
      return analyser;
    }
  });

/** Returns the selected candidate pair: the types of its ends, the ICE credentials of its check, and the received packets. */
export const selectedPair = (
  page: Page,
): Promise<{ local: string; remote: string; fragment: string; received: number }> =>
  page.evaluate(`(async () => {
    const report = await bridgeCall.connection.getStats();
    const all = [...report.values()];
    const pair = report.get(all.find(({ type }) => type === "transport").selectedCandidatePairId);
    const local = report.get(pair.localCandidateId);
    const remote = report.get(pair.remoteCandidateId);
    const [fragment, received] = [local.usernameFragment, pair.packetsReceived];
    return { local: local.candidateType, remote: remote.candidateType, fragment, received };
  })()`);

interface PageWindow {
  /** Connects to the current call. */
  listening?: { track: MediaStreamTrack; analyser: AnalyserNode };
  bridgeCall: { connection: RTCPeerConnection };
}

/** Begins to record the audio that the page receives. */
export const startRecording = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const context = new AudioContext({ sampleRate: 16000 });
    const stream = new MediaStream([bridgeCall.connection.getReceivers()[0].track]);
    const recorder = context.createScriptProcessor(4096, 1, 1);
    window.recorded = [];
    recorder.onaudioprocess = ({ inputBuffer }) => {
      for (const sample of inputBuffer.getChannelData(0)) window.recorded.push(Math.round(sample * 32767));
    };
    context.createMediaStreamSource(stream).connect(recorder).connect(context.destination);
  })()`);

/** Returns the recording so far, at 16 kHz. */
export async function recordedSound(page: Page): Promise<Int16Array<ArrayBuffer>> {
  const text = (await page.evaluate("window.recorded.join()")) as string;
  return Int16Array.from(text.split(","), Number);
}
