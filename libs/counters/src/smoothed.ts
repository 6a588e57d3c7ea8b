/** A moving mean that remembers about the last eight samples; 0 means that there was none. */
export function smoothed(mean: number, sample: number): number {
  return mean === 0 ? sample : mean + (sample - mean) / 8;
}
