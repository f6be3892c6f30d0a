/** The map of the city: MapLibre with our style, and the few things pages do with it. */

import "maplibre-gl/dist/maplibre-gl.css";

import { AttributionControl, Map as MapLibre, setWorkerUrl, type GeoJSONSource } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";

import type { ConfigReply } from "../contracts/generated";
import { motionMs } from "./motion";
import { PALETTES, type Theme } from "./palette";
import { styleOf } from "./style";

setWorkerUrl(workerUrl);

export interface Spot {
  lat: number;
  lon: number;
  color: string;
  radius: number;
  filled: boolean;
}

export interface DrawnLine {
  line: readonly (readonly [number, number])[];
  color: string;
  width: number;
  opacity?: number;
}

type PaintValue = Parameters<MapLibre["setPaintProperty"]>[2];
type PaintName = Parameters<MapLibre["setPaintProperty"]>[1];

/** So much is left free around what is fitted. */
const EDGE_PX = 36;

/** Around the city, so that nobody gets lost in the void. */
const MARGIN_DEGREES = 0.06;

export class CityMap {
  readonly map: MapLibre;
  private lines: readonly DrawnLine[] = [];
  private spots: readonly Spot[] = [];
  private loaded = false;

  constructor(
    readonly container: HTMLElement,
    private readonly config: ConfigReply,
    public theme: Theme,
    view: { zoom: number; centre?: { lat: number; lon: number } },
  ) {
    const [south, west, north, east] = config.bounds;
    const [lat, lon] = config.centre;
    this.map = new MapLibre({
      container,
      style: this.style(),
      center: [view.centre?.lon ?? lon, view.centre?.lat ?? lat],
      zoom: view.zoom,
      minZoom: 9.5,
      maxZoom: 18.5,
      maxBounds: [
        [west - MARGIN_DEGREES * 2, south - MARGIN_DEGREES],
        [east + MARGIN_DEGREES * 2, north + MARGIN_DEGREES],
      ],
      pitchWithRotate: false,
      dragRotate: false,
      touchPitch: false,
      attributionControl: false,
      fadeDuration: 120,
    });
    this.map.addControl(new AttributionControl({ compact: false }), "bottom-right");
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.addArrow();
    this.map.on("load", () => {
      this.loaded = true;
      this.showLines();
      this.showSpots();
    });
  }

  setTheme(theme: Theme): void {
    if (theme === this.theme) return;
    this.theme = theme;
    // Paint alone differs between the themes: no source is read again.
    for (const layer of this.style().layers) {
      for (const [name, value] of Object.entries<PaintValue>(layer.paint ?? {})) {
        this.map.setPaintProperty(layer.id, name as PaintName, value);
      }
    }
    this.addArrow();
  }

  /** Replace the lines over the roads. */
  draw(lines: readonly DrawnLine[]): void {
    const isSame = JSON.stringify(lines) === JSON.stringify(this.lines);
    this.lines = lines;
    if (isSame) return;
    this.showLines();
  }

  private showLines(): void {
    const { lines } = this;
    if (!this.loaded) return;
    void this.map.getSource<GeoJSONSource>("drawn")?.setData({
      type: "FeatureCollection",
      features: lines.map(({ line, color, width, opacity = 1 }) => ({
        type: "Feature",
        properties: { color, width, opacity, casing: opacity < 1 ? 0 : 0.9 },
        geometry: { type: "LineString", coordinates: line.map(([lon, lat]) => [lon, lat]) },
      })),
    });
  }

  /** Replace the marked places. */
  mark(spots: readonly Spot[]): void {
    // New data means a new frame of the whole map: not for the same again.
    const isSame = JSON.stringify(spots) === JSON.stringify(this.spots);
    this.spots = spots;
    if (isSame) return;
    this.showSpots();
  }

  private showSpots(): void {
    const { spots } = this;
    if (!this.loaded) return;
    void this.map.getSource<GeoJSONSource>("spots")?.setData({
      type: "FeatureCollection",
      features: spots.map(({ lat, lon, color, radius, filled }) => ({
        type: "Feature",
        properties: { color, radius, filled },
        geometry: { type: "Point", coordinates: [lon, lat] },
      })),
    });
  }

  /** Show all of these places within the map's padding, which keeps them clear of the panels. */
  fit(places: readonly { lat: number; lon: number }[], maxZoom = 15.5): void {
    if (places.length === 0) return;
    const lons = places.map((place) => place.lon);
    const lats = places.map((place) => place.lat);
    this.map.fitBounds(
      [
        [Math.min(...lons), Math.min(...lats)],
        [Math.max(...lons), Math.max(...lats)],
      ],
      { padding: EDGE_PX, maxZoom, duration: motionMs(600) },
    );
  }

  remove(): void {
    this.map.remove();
  }

  private style(): ReturnType<typeof styleOf> {
    const basemap = new URL(this.config.basemap_url, document.baseURI).href;
    return styleOf(PALETTES[this.theme], basemap, this.config.attribution);
  }

  private addArrow(): void {
    const image = arrowImage(PALETTES[this.theme].arrow);
    if (this.map.hasImage("one-way")) this.map.updateImage("one-way", image);
    else this.map.once("styledata", () => {
      if (!this.map.hasImage("one-way")) this.map.addImage("one-way", image, { pixelRatio: 2 });
    });
  }
}

function arrowImage(color: string): ImageData {
  const size = 40;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const ink = canvas.getContext("2d");
  if (ink === null) return new ImageData(size, size);
  ink.strokeStyle = color;
  ink.lineWidth = 4;
  ink.lineCap = ink.lineJoin = "round";
  ink.beginPath();
  ink.moveTo(6, 20);
  ink.lineTo(34, 20);
  ink.moveTo(24, 11);
  ink.lineTo(34, 20);
  ink.lineTo(24, 29);
  ink.stroke();
  return ink.getImageData(0, 0, size, size);
}
