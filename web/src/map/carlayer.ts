/**
 * Cars on a canvas of their own above the map, so that they move without the map being drawn
 * again. Oriented arrowheads from zoom 14, dots below.
 */

import type { CarTable } from "../state/cars";
import { mercatorX, mercatorY, perMetre } from "../state/mercator";
import type { CityMap } from "./citymap";
import { DotField, pixelOf } from "./dotfield";
import { lookOf } from "./look";
import { prefersStill } from "./motion";
import { Look, PALETTES, type Palette } from "./palette";
import { BEARINGS, CELL, makeSprites, type SpriteSheet } from "./sprites";

const ARROWS_FROM = 14;
/** Of more cars than these no more than 25 frames a second: other things need the processor too. */
const MANY = 2_000;
const MANY_MS = 40;
const FADE_AFTER_MS = 4_000;
const FADED = 0.45;
/** Of dots, by look: many open ones must not outshine the few others. */
const OPACITY = [110, 200, 255, 255, 255, 255, 255] as const;

/** One group of cars, and how it is shown. */
export interface CarGroup {
  table: CarTable;
  /** 1: as the others; more: this one matters. */
  scale: number;
  /** Draw how far the car may have come since its fix. */
  halo: boolean;
  /** Only these looks; null: all. */
  looks: ReadonlySet<number> | null;
}

export class CarLayer {
  selected: number | null = null;
  /** What the last frame cost. */
  drawMs = 0;
  private readonly canvas = document.createElement("canvas");
  private readonly ink: CanvasRenderingContext2D;
  private sprites: SpriteSheet;
  private palette: Palette;
  private pixels: readonly number[];
  private readonly dots = new DotField();
  private readonly rare: number[] = [];
  private readonly still = prefersStill();
  private readonly resizing: ResizeObserver;
  private lastDrawMs = 0;
  private frame = 0;
  private dirty = true;
  private readonly spot = { x: 0, y: 0 };

  constructor(
    private readonly city: CityMap,
    /** In drawing order. Dots replace the whole canvas: a group of scale 1 comes first. */
    private readonly groups: readonly CarGroup[],
    private readonly nowMs: () => number,
  ) {
    this.canvas.className = "car-layer";
    this.canvas.setAttribute("aria-hidden", "true");
    city.map.getCanvasContainer().append(this.canvas);
    const ink = this.canvas.getContext("2d");
    if (ink === null) throw new Error("this browser draws no 2D canvas");
    this.ink = ink;
    this.palette = PALETTES[city.theme];
    this.pixels = this.palette.cars.map(pixelOf);
    this.sprites = makeSprites(this.palette, this.ratio);
    this.resizing = new ResizeObserver(() => {
      this.resize();
    });
    this.resizing.observe(city.container);
    this.resize();
    city.map.on("move", this.redraw);
    this.frame = requestAnimationFrame(this.onFrame);
  }

  remove(): void {
    cancelAnimationFrame(this.frame);
    this.resizing.disconnect();
    this.city.map.off("move", this.redraw);
    this.canvas.remove();
  }

  themeChanged(): void {
    this.palette = PALETTES[this.city.theme];
    this.pixels = this.palette.cars.map(pixelOf);
    this.sprites = makeSprites(this.palette, this.ratio);
    this.dirty = true;
  }

  readonly redraw = (): void => {
    this.dirty = true;
  };

  /** The car nearest to a point of the map, within reach of a finger. */
  carAt(point: { x: number; y: number }, reach = 16): number | null {
    const { scale, left, top } = this.window();
    let best: number | null = null;
    let bestDistance = reach;
    const now = this.nowMs();
    for (const { table, looks } of this.groups) {
      for (let slot = 0; slot < table.count; slot += 1) {
        if (looks !== null && !looks.has(lookOf(table, slot, now))) continue;
        table.place(slot, now, this.spot);
        const distance = Math.hypot(this.spot.x * scale - left - point.x, this.spot.y * scale - top - point.y);
        if (distance >= bestDistance) continue;
        bestDistance = distance;
        best = table.ids[slot] ?? null;
      }
    }
    return best;
  }

  private get ratio(): number {
    return Math.min(window.devicePixelRatio, 2);
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.city.container;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    this.canvas.style.width = `${clientWidth}px`;
    this.canvas.style.height = `${clientHeight}px`;
    this.dirty = true;
  }

  private readonly onFrame = (): void => {
    this.frame = requestAnimationFrame(this.onFrame);
    const now = performance.now();
    if (!this.dirty && now - this.lastDrawMs < this.intervalMs()) return;
    this.dirty = false;
    this.lastDrawMs = now;
    this.draw();
    this.drawMs = performance.now() - now;
  };

  /** A car at 15 m/s should move about half a pixel between frames: no more are worth drawing. */
  private intervalMs(): number {
    if (this.still) return 1_000;
    const pixelsPerSecond = 15 * perMetre(this.city.map.getCenter().lat) * this.window().scale;
    const cars = this.groups.reduce((sum, group) => sum + group.table.count, 0);
    return Math.min(250, Math.max(cars > MANY ? MANY_MS : 15, 500 / pixelsPerSecond));
  }

  private window(): { scale: number; left: number; top: number; width: number; height: number } {
    const { map, container } = this.city;
    const scale = 512 * 2 ** map.getZoom();
    const centre = map.getCenter();
    // Padding moves the map's centre out of the middle of the page.
    const middle = map.project(centre);
    return {
      scale,
      left: mercatorX(centre.lng) * scale - middle.x,
      top: mercatorY(centre.lat) * scale - middle.y,
      width: container.clientWidth,
      height: container.clientHeight,
    };
  }

  private draw(): void {
    const { ink } = this;
    ink.setTransform(1, 0, 0, 1, 0, 0);
    ink.clearRect(0, 0, this.canvas.width, this.canvas.height);
    ink.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const zoom = this.city.map.getZoom();
    for (const group of this.groups) {
      if (zoom < ARROWS_FROM && group.scale === 1) this.drawDots(group, zoom);
      else this.drawSprites(group, zoom);
    }
    ink.globalAlpha = 1;
  }

  /** Thousands at once, as pixels. The rarer the state, the more it should be seen. */
  private drawDots({ table, looks }: CarGroup, zoom: number): void {
    const { dots, spot, ratio, rare } = this;
    const { scale, left, top } = this.window();
    const now = this.nowMs();
    const radius = zoom < 11 ? 0.6 : zoom < 12 ? 0.8 : zoom < 13 ? 1.2 : 2.4;
    dots.begin(this.canvas.width, this.canvas.height, radius * ratio);
    const put = (slot: number, look: number): void => {
      this.place(table, slot, now);
      dots.put((spot.x * scale - left) * ratio, (spot.y * scale - top) * ratio, this.pixels[look] ?? 0, OPACITY[look] ?? 255);
    };
    rare.length = 0;
    for (let slot = 0; slot < table.count; slot += 1) {
      const look = lookOf(table, slot, now);
      if (looks !== null && !looks.has(look)) continue;
      if (look === Look.OPEN || look === Look.DARK) put(slot, look);
      else rare.push(slot);
    }
    for (const slot of rare) put(slot, lookOf(table, slot, now));
    dots.show(this.ink);
    this.drawSelected(table, now);
  }

  private drawSprites({ table, scale: grown, halo, looks }: CarGroup, zoom: number): void {
    const { ink, spot, sprites } = this;
    const { scale, left, top, width, height } = this.window();
    const now = this.nowMs();
    const size = CELL * grown * Math.min(1.15, Math.max(0.72, 0.72 + (zoom - ARROWS_FROM) * 0.14));
    for (let slot = 0; slot < table.count; slot += 1) {
      this.place(table, slot, now);
      const x = spot.x * scale - left;
      const y = spot.y * scale - top;
      if (x < -CELL || y < -CELL || x > width + CELL || y > height + CELL) continue;
      const look = lookOf(table, slot, now);
      if (looks !== null && !looks.has(look)) continue;
      ink.globalAlpha = now - (table.fixAtMs[slot] ?? 0) > FADE_AFTER_MS ? FADED : 1;
      if (halo) this.drawHalo(x, y, table, slot, now, scale);
      const step = Math.round(((table.bearingCdeg[slot] ?? 0) * BEARINGS) / 36_000) % BEARINGS;
      const at = sprites.cell;
      ink.drawImage(sprites.image, step * at, look * at, at, at, x - size / 2, y - size / 2, size, size);
    }
    this.drawSelected(table, now);
  }

  /** How far the car may be from where it is drawn: what it can have driven since its fix. */
  private drawHalo(x: number, y: number, table: CarTable, slot: number, now: number, scale: number): void {
    const { ink } = this;
    const ageMs = Math.max(0, now - (table.fixAtMs[slot] ?? now));
    const metres = 10 + Math.min(250, (ageMs / 1000) * Math.max(3, (table.speedCmS[slot] ?? 0) / 100));
    const radius = Math.max(18, metres * perMetre(this.city.map.getCenter().lat) * scale);
    const alpha = ink.globalAlpha;
    ink.globalAlpha = 0.16;
    ink.beginPath();
    ink.arc(x, y, radius, 0, 2 * Math.PI);
    ink.fillStyle = this.palette.cars[lookOf(table, slot, now)] ?? "";
    ink.fill();
    ink.globalAlpha = alpha;
  }

  private drawSelected(table: CarTable, now: number): void {
    const slot = this.selected === null ? null : table.slotOf(this.selected);
    if (slot === null) return;
    const { ink, spot } = this;
    const { scale, left, top } = this.window();
    this.place(table, slot, now);
    ink.globalAlpha = 1;
    ink.beginPath();
    ink.arc(spot.x * scale - left, spot.y * scale - top, 15, 0, 2 * Math.PI);
    ink.lineWidth = 2;
    ink.strokeStyle = this.palette.cars[lookOf(table, slot, now)] ?? "";
    ink.stroke();
  }

  private place(table: CarTable, slot: number, now: number): void {
    if (!this.still) {
      table.place(slot, now, this.spot);
      return;
    }
    this.spot.x = table.x[slot] ?? 0;
    this.spot.y = table.y[slot] ?? 0;
  }
}
