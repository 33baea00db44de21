/** Zero crossings of the filter on each side. With eight, speech sounds like the original. */
const lobes = 8;

/** Changes the sample rate with a band-limiting, Hann-windowed sinc filter. */
export function resample(samples: Int16Array, from: number, to: number): Int16Array<ArrayBuffer> {
  if (from === to) return Int16Array.from(samples);
  const cutoff = Math.min(1, to / from);
  const reach = lobes / cutoff;
  const result = new Int16Array(Math.floor((samples.length * to) / from));
  for (let at = 0; at < result.length; at += 1) {
    const centre = (at * from) / to;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(samples.length - 1, Math.floor(centre + reach));
    let sum = 0;
    let weight = 0;
    for (let index = first; index <= last; index += 1) {
      const factor = kernel((index - centre) * cutoff);
      sum += (samples[index] ?? 0) * factor;
      weight += factor;
    }
    result[at] = Math.max(-32_768, Math.min(32_767, Math.round(weight === 0 ? 0 : sum / weight)));
  }
  return result;
}

function kernel(x: number): number {
  if (Math.abs(x) < 1e-9) return 1;
  const sinc = Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc * 0.5 * (1 + Math.cos((Math.PI * x) / lobes));
}
