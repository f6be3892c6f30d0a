/** How much may move: some people asked their device for stillness. */

export const prefersStill = (): boolean => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

export const motionMs = (ms: number): number => (prefersStill() ? 0 : ms);
