/** Rates that Opus itself resamples from and to; what goes over the wire is 48 kHz whatever they are. */
export type SampleRate = 8_000 | 16_000 | 24_000 | 48_000;

/** Samples in 20 ms. */
export const samplesPerFrame = (rate: SampleRate): number => rate / 50;
