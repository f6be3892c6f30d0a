/** Ten minutes in a small line. Gaps are gaps: where nothing was known nothing is drawn. */

import type { VNode } from "preact";

import { HISTORY_LENGTH } from "../state/summary";

const WIDTH = 120;
const HEIGHT = 26;

interface Props {
  values: readonly (number | null)[];
  /** The scale begins at zero: for counts that must stay there. */
  fromZero?: boolean;
}

export function Spark({ values, fromZero = false }: Props): VNode {
  const known = values.filter((value) => value !== null);
  const high = Math.max(...known, fromZero ? 1 : -Infinity);
  const low = fromZero ? 0 : Math.min(...known);
  // A steady number is a steady line: noise is not blown up to fill the height.
  const span = Math.max(high - low, fromZero ? 0 : Math.abs(high) * 0.2, 1e-9);
  const slack = fromZero ? 0 : (span - (high - low)) / 2;
  const x = (index: number): number => WIDTH - ((values.length - 1 - index) * WIDTH) / (HISTORY_LENGTH - 1);
  const y = (value: number): number => HEIGHT - 2 - ((value - low + slack) / span) * (HEIGHT - 4);
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    path += `${isDrawing ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    isDrawing = true;
  });
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 1} y2={HEIGHT - 1} class="ground" />
      <path d={path} />
    </svg>
  );
}
