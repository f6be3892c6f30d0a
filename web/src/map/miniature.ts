/**
 * A small still map with moving cars, drawn on one canvas: for pages that show the city in
 * passing and should not load a whole map for it. Roads are drawn once, cars on each frame.
 */

import type { CarTable } from "../state/cars";
import { mercatorX, mercatorY } from "../state/mercator";
import { lookOf } from "./look";
import { prefersStill } from "./motion";
import { LOOKS, Look, type Palette } from "./palette";
import { BEARINGS, CELL, makeSprites, type SpriteSheet } from "./sprites";

const ARROWS_FROM = 13.6;
const CLOSE_FROM = 15;
const WIDTHS = [3.4, 3, 2.6, 2.3, 1.9, 1.3] as const;

export interface RoadLine {
  road: number;
  points: readonly (readonly [number, number])[];
}

interface BasemapFeature {
  properties: { c?: number };
  geometry: { type: string; coordinates: [number, number][] };
}

/** The drivable roads of a base map, smallest first. */
export function roadsOf(basemap: { features: readonly BasemapFeature[] }): RoadLine[] {
  return basemap.features
    .filter(({ properties, geometry }) => geometry.type === "LineString" && (properties.c ?? 9) <= 5)
    .map(({ properties, geometry }) => ({ road: properties.c ?? 5, points: geometry.coordinates }))
    .sort((a, b) => b.road - a.road);
}

export interface View {
  lat: number;
  lon: number;
  zoom: number;
}

export class Miniature {
  private readonly ground = document.createElement("canvas");
  private readonly ink: CanvasRenderingContext2D;
  private readonly sprites: SpriteSheet;
  private readonly ratio = Math.min(2, window.devicePixelRatio);
  private readonly still = prefersStill();
  private frame = 0;
  private lastMs = 0;
  private readonly spot = { x: 0, y: 0 };
  private view: View;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly palette: Palette,
    private readonly roads: readonly RoadLine[],
    private readonly table: CarTable,
    private readonly viewNow: () => View,
    /** Drawn over the cars, at the middle. */
    private readonly over: ((ink: CanvasRenderingContext2D, nowMs: number) => void) | null,
  ) {
    const ink = canvas.getContext("2d");
    if (ink === null) throw new Error("this browser draws no 2D canvas");
    this.ink = ink;
    this.sprites = makeSprites(palette, this.ratio);
    canvas.width = this.ground.width = Math.round(canvas.clientWidth * this.ratio);
    canvas.height = this.ground.height = Math.round(canvas.clientHeight * this.ratio);
    this.view = viewNow();
    this.drawGround();
    this.frame = requestAnimationFrame(this.onFrame);
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
  }

  private readonly onFrame = (ms: number): void => {
    this.frame = requestAnimationFrame(this.onFrame);
    if (ms - this.lastMs < (this.still ? 1_000 : this.view.zoom < ARROWS_FROM ? 200 : 33)) return;
    this.lastMs = ms;
    const next = this.viewNow();
    if (next.lat !== this.view.lat || next.lon !== this.view.lon) {
      this.view = next;
      this.drawGround();
    }
    this.draw(Date.now());
  };

  private project(): { scale: number; left: number; top: number } {
    const scale = 512 * 2 ** this.view.zoom;
    return {
      scale,
      left: mercatorX(this.view.lon) * scale - this.canvas.clientWidth / 2,
      top: mercatorY(this.view.lat) * scale - this.canvas.clientHeight / 2,
    };
  }

  private drawGround(): void {
    const ink = this.ground.getContext("2d");
    if (ink === null) return;
    const { scale, left, top } = this.project();
    const { clientWidth: width, clientHeight: height } = this.canvas;
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ink.fillStyle = this.palette.land;
    ink.fillRect(0, 0, width, height);
    ink.lineCap = ink.lineJoin = "round";
    const grown = 2 ** (this.view.zoom - 12.6);
    for (const { road, points } of this.roads) {
      if (!touches(points, scale, left, top, width, height)) continue;
      ink.beginPath();
      for (const [lon, lat] of points) ink.lineTo(mercatorX(lon) * scale - left, mercatorY(lat) * scale - top);
      ink.lineWidth = Math.max(0.5, (WIDTHS[road] ?? 1) * 0.62 * grown);
      ink.strokeStyle = this.palette.roads[road] ?? this.palette.path;
      ink.stroke();
    }
  }

  private draw(now: number): void {
    const { ink, table, spot, sprites } = this;
    const { scale, left, top } = this.project();
    const { clientWidth: width, clientHeight: height } = this.canvas;
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.drawImage(this.ground, 0, 0);
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const arrows = this.view.zoom >= ARROWS_FROM;
    const size = CELL * (this.view.zoom >= CLOSE_FROM ? 1.25 : 0.9);
    for (let slot = 0; slot < table.count; slot += 1) {
      table.place(slot, now, spot);
      const x = spot.x * scale - left;
      const y = spot.y * scale - top;
      if (x < -CELL || y < -CELL || x > width + CELL || y > height + CELL) continue;
      const look = lookOf(table, slot, now);
      if (look === Look.DARK) continue;
      if (arrows) {
        const step = Math.round(((table.bearingCdeg[slot] ?? 0) * BEARINGS) / 36_000) % BEARINGS;
        const at = sprites.cell;
        ink.drawImage(sprites.image, step * at, (look % LOOKS) * at, at, at, x - size / 2, y - size / 2, size, size);
      } else {
        ink.fillStyle = this.palette.cars[look] ?? "";
        ink.globalAlpha = look === Look.OPEN ? 0.75 : 1;
        ink.fillRect(x - 0.8, y - 0.8, 1.6, 1.6);
      }
    }
    ink.globalAlpha = 1;
    ink.translate(width / 2, height / 2);
    this.over?.(ink, now);
  }
}

function touches(
  points: readonly (readonly [number, number])[],
  scale: number,
  left: number,
  top: number,
  width: number,
  height: number,
): boolean {
  return points.some(([lon, lat]) => {
    const x = mercatorX(lon) * scale - left;
    const y = mercatorY(lat) * scale - top;
    return x > -60 && y > -60 && x < width + 60 && y < height + 60;
  });
}
