/**
 * Tens of thousands of dots as pixels: one pass over memory instead of a drawing call for each.
 */

/** One pixel of a dot: how far from its middle, and how much of it is covered. */
interface Stamp {
  readonly offsets: Int32Array;
  readonly coverage: Uint8Array;
  readonly reach: number;
}

export class DotField {
  private width = 0;
  private height = 0;
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private stamp: Stamp = { offsets: new Int32Array(0), coverage: new Uint8Array(0), reach: 0 };
  private stampRadius = 0;

  /** An empty field of this size; dots have this radius. Device pixels. */
  begin(width: number, height: number, radius: number): void {
    if (this.image === null || width !== this.width || height !== this.height) {
      this.image = new ImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.width = width;
      this.height = height;
      this.stampRadius = 0;
    } else {
      this.pixels.fill(0);
    }
    if (radius !== this.stampRadius) {
      this.stamp = stampOf(radius, width);
      this.stampRadius = radius;
    }
  }

  /** `rgb`: 0x00BBGGRR, as pixels lie in memory; `opacity` 0 to 255. */
  put(x: number, y: number, rgb: number, opacity: number): void {
    const { offsets, coverage, reach } = this.stamp;
    const column = Math.round(x);
    const line = Math.round(y);
    if (column < reach || line < reach || column >= this.width - reach || line >= this.height - reach) return;
    const middle = line * this.width + column;
    for (let i = 0; i < offsets.length; i += 1) {
      const alpha = ((coverage[i] ?? 0) * opacity) >> 8;
      this.pixels[middle + (offsets[i] ?? 0)] = (rgb | (alpha << 24)) >>> 0;
    }
  }

  /** Replaces what the canvas shows. */
  show(ink: CanvasRenderingContext2D): void {
    if (this.image !== null) ink.putImageData(this.image, 0, 0);
  }
}

function stampOf(radius: number, width: number): Stamp {
  const reach = Math.ceil(radius);
  const offsets: number[] = [];
  const coverage: number[] = [];
  for (let dy = -reach; dy <= reach; dy += 1) {
    for (let dx = -reach; dx <= reach; dx += 1) {
      const covered = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(dx, dy)));
      if (covered < 0.1) continue;
      offsets.push(dy * width + dx);
      coverage.push(Math.round(covered * 255));
    }
  }
  return { offsets: Int32Array.from(offsets), coverage: Uint8Array.from(coverage), reach };
}

/** "#rrggbb" as 0x00bbggrr. */
export function pixelOf(color: string): number {
  const value = Number.parseInt(color.slice(1), 16);
  return ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16);
}
