import { type SampleRate, samplesPerFrame } from "../protocol/sample-rate.ts";

// DTMF (ITU-T Q.23): each key is the tone of its row and the tone of its column at once.

const rows = [697, 770, 852, 941] as const;
const columns = [1209, 1336, 1477, 1633] as const;
const keys = "123A456B789C*0#D";
const toneFrames = 6;
const pauseFrames = 4;
/** The amplitude of each of the two tones. Their sum stays well below full scale. */
const amplitude = 8_000;

/** The two frequencies of a key. */
export function frequenciesOf(key: string): readonly [number, number] | undefined {
  const at = keys.indexOf(key);
  const [row, column] = [rows[Math.floor(at / 4)], columns[at % 4]];
  return at < 0 || row === undefined || column === undefined ? undefined : [row, column];
}

/** The samples of these keys, pressed one after the other. */
export function dtmfTones(pressed: string, rate: SampleRate): Int16Array<ArrayBuffer> {
  const size = samplesPerFrame(rate);
  const perKey = (toneFrames + pauseFrames) * size;
  const samples = new Int16Array(perKey * pressed.length);
  [...pressed].forEach((key, index) => {
    const frequencies = frequenciesOf(key);
    if (frequencies === undefined) return;
    for (let at = 0; at < toneFrames * size; at += 1)
      samples[index * perKey + at] = frequencies.reduce(
        (sum, hertz) => sum + Math.round(amplitude * Math.sin((2 * Math.PI * hertz * at) / rate)),
        0,
      );
  });
  return samples;
}
