/**
 * Cars drawn once: every look in 32 directions on one sheet, so that a frame only copies.
 *
 * A look is a colour and a shape, never a colour alone: waiting stands as a square, a car on a
 * trip carries a dot, an offered one a ring, a dark one is hollow, a suspect one outlined.
 */

import { LOOKS, Look, type Palette } from "./palette";

export const BEARINGS = 32;
/** CSS pixels of one cell. */
export const CELL = 30;
const HALF = CELL / 2;

export interface SpriteSheet {
  image: HTMLCanvasElement;
  /** Device pixels of one cell. */
  cell: number;
}

export function makeSprites(palette: Palette, ratio: number): SpriteSheet {
  const cell = Math.ceil(CELL * ratio);
  const image = document.createElement("canvas");
  image.width = cell * BEARINGS;
  image.height = cell * LOOKS;
  const ink = image.getContext("2d");
  const sheet = { image, cell };
  if (ink === null) return sheet;
  for (let look = 0; look < LOOKS; look += 1) {
    for (let step = 0; step < BEARINGS; step += 1) {
      ink.setTransform(cell / CELL, 0, 0, cell / CELL, step * cell, look * cell);
      ink.translate(HALF, HALF);
      drawCar(ink, look, (step * 2 * Math.PI) / BEARINGS, palette);
    }
  }
  return sheet;
}

/** One car at the origin, `angle` clockwise from north. */
export function drawCar(ink: CanvasRenderingContext2D, look: number, angle: number, palette: Palette): void {
  const color = palette.cars[look] ?? palette.text;
  ink.save();
  ink.rotate(angle);
  ink.lineJoin = "round";
  if (look === Look.OFFERED) ring(ink, color);
  if (look === Look.WAITING) square(ink);
  else arrowhead(ink);
  const hollow = look === Look.DARK || look === Look.SUSPECT;
  ink.lineWidth = hollow ? 2 : 3.2;
  ink.strokeStyle = hollow ? color : palette.carEdge;
  ink.fillStyle = hollow ? palette.carEdge : color;
  if (hollow) {
    ink.fill();
    ink.stroke();
  } else {
    ink.stroke();
    ink.fill();
  }
  if (look === Look.ON_TRIP) dot(ink, palette.carEdge);
  ink.restore();
}

function arrowhead(ink: CanvasRenderingContext2D): void {
  ink.beginPath();
  ink.moveTo(0, -8.5);
  ink.lineTo(6.2, 6.8);
  ink.lineTo(0, 3.6);
  ink.lineTo(-6.2, 6.8);
  ink.closePath();
}

function square(ink: CanvasRenderingContext2D): void {
  ink.beginPath();
  ink.roundRect(-5.5, -5.5, 11, 11, 2.5);
}

function dot(ink: CanvasRenderingContext2D, color: string): void {
  ink.beginPath();
  ink.arc(0, 1, 1.7, 0, 2 * Math.PI);
  ink.fillStyle = color;
  ink.fill();
}

function ring(ink: CanvasRenderingContext2D, color: string): void {
  ink.beginPath();
  ink.arc(0, 0, 12, 0, 2 * Math.PI);
  ink.strokeStyle = color;
  ink.lineWidth = 1.5;
  ink.stroke();
}
