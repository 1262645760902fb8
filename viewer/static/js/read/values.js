/** What measurements come to, from image points and stored values; the same arithmetic as by hand. Pure. */
import { angle, angleBetween, distance, scaleAt } from "../lib/geometry.js";
import { modalityValue } from "../lib/modality.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {"length" | "angle" | "cobb" | "ellipse" | "rectangle" | "freehand" | "arrow" | "probe"} Kind */
/** @typedef {{name: string, value: number, unit: string}} Value */

/**
 * Returns the values of a measurement; those that need pixels only if there are any.
 * @param {Kind} kind
 * @param {Frame} frame
 * @param {Point[]} points  ellipse: ends of one axis, then of the other
 * @param {Pixels | null | undefined} pixels
 * @returns {Value[]}
 */
export function valuesOf(kind, frame, points, pixels) {
  if (kind === "arrow") return [];
  if (kind === "length") {
    const { value, unit } = distance(frame, points[0], points[1]);
    return [{ name: "length", value, unit }];
  }
  if (kind === "angle") return [{ name: "angle", value: angle(frame, points[0], points[1], points[2]), unit: "deg" }];
  if (kind === "cobb") return [{ name: "angle", value: cobb(frame, points), unit: "deg" }];
  if (kind === "probe") return probe(frame, points[0], pixels);
  return [areaOf(kind, frame, points), ...statistics(frame, pixels, kind === "ellipse" ? inEllipse(points) : inPolygon(points), points)];
}

/**
 * Returns the angle of Cobb: the smaller one between two lines.
 * @param {Frame} frame
 * @param {Point[]} points
 */
function cobb(frame, [a, b, c, d]) {
  const between = angleBetween(frame, a, b, c, d);
  return Math.min(between, 180 - between);
}

/**
 * @param {Frame} frame
 * @param {Point} point
 * @param {Pixels | null | undefined} pixels
 * @returns {Value[]}
 */
function probe(frame, [column, row], pixels) {
  const [x, y] = [Math.floor(column), Math.floor(row)];
  if (!pixels?.values || x < 0 || y < 0 || x >= pixels.columns || y >= pixels.rows) return [];
  return [{ name: "value", value: modalityValue(frame.shades, pixels.values[y * pixels.columns + x]), unit: unitOf(frame) }];
}

/** @param {Frame} frame */
function unitOf(frame) {
  return frame.units === "HU" ? "HU" : "1";
}

/**
 * @param {Kind} kind
 * @param {Frame} frame
 * @param {Point[]} points
 * @returns {Value}
 */
function areaOf(kind, frame, points) {
  const [left, top, right, bottom] = boundsOf(points);
  const { dx, dy, unit } = scaleAt(frame, [left, top], [right, bottom]);
  const pixels = kind === "ellipse" ? ellipseArea(points) : polygonArea(points);
  return { name: "area", value: pixels * dx * dy, unit: `${unit}2` };
}

/** @param {Point[]} points */
function ellipseArea([a, b, c, d]) {
  return (Math.PI / 4) * Math.abs((b[0] - a[0]) * (d[1] - c[1]) - (b[1] - a[1]) * (d[0] - c[0]));
}

/** @param {Point[]} points */
export function polygonArea(points) {
  let twice = 0;
  points.forEach(([x, y], n) => {
    const [nextX, nextY] = points[(n + 1) % points.length];
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

/**
 * @param {Point[]} points
 * @returns {(x: number, y: number) => boolean}
 */
function inEllipse([a, b, c, d]) {
  const [x0, y0] = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const [ux, uy, vx, vy] = [(b[0] - a[0]) / 2, (b[1] - a[1]) / 2, (d[0] - c[0]) / 2, (d[1] - c[1]) / 2];
  const size = ux * vy - uy * vx;
  return (x, y) => {
    const along = ((x - x0) * vy - (y - y0) * vx) / size;
    const across = ((y - y0) * ux - (x - x0) * uy) / size;
    return along * along + across * across <= 1;
  };
}

/**
 * @param {Point[]} points
 * @returns {(x: number, y: number) => boolean}
 */
function inPolygon(points) {
  return (x, y) => {
    let inside = false;
    for (let n = 0, last = points.length - 1; n < points.length; last = n, n += 1) {
      const [[x1, y1], [x2, y2]] = [points[n], points[last]];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
    }
    return inside;
  };
}

/**
 * Returns the smallest upright rectangle around points: left, top, right, bottom.
 * @param {Point[]} points
 */
function boundsOf(points) {
  const columns = points.map(([column]) => column);
  const rows = points.map(([, row]) => row);
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns), Math.max(...rows)];
}

/**
 * Returns mean and deviation of the pixels whose middles lie inside, padding left out.
 * @param {Frame} frame
 * @param {Pixels | null | undefined} pixels
 * @param {(x: number, y: number) => boolean} inside
 * @param {Point[]} points
 * @returns {Value[]}
 */
function statistics(frame, pixels, inside, points) {
  if (!pixels?.values) return [];
  const found = valuesInside(frame, pixels, inside, extent(points));
  if (found.length === 0) return [];
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const deviation = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / found.length);
  const unit = unitOf(frame);
  const [minimum, maximum] = found.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const named = { mean, deviation, minimum, maximum };
  return Object.entries(named).map(([name, value]) => ({ name, value, unit }));
}

/**
 * Returns the bounds in which pixels may lie inside; the ends of an ellipse's axes are not its corners.
 * @param {Point[]} points
 */
function extent(points) {
  const [left, top, right, bottom] = boundsOf(points);
  const reach = points.length === 4 ? Math.hypot(right - left, bottom - top) / 2 : 0;
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return [Math.min(left, x - reach), Math.min(top, y - reach), Math.max(right, x + reach), Math.max(bottom, y + reach)];
}

/**
 * @param {Frame} frame
 * @param {Pixels} pixels
 * @param {(x: number, y: number) => boolean} inside
 * @param {number[]} bounds
 */
function valuesInside({ shades }, { values, rows, columns }, inside, [left, top, right, bottom]) {
  /** @type {number[]} */
  const found = [];
  if (!values) return found;
  const [low, high] = shades.padding ?? [Infinity, -Infinity];
  for (let y = Math.max(Math.floor(top), 0); y < Math.min(bottom, rows); y += 1) {
    for (let x = Math.max(Math.floor(left), 0); x < Math.min(right, columns); x += 1) {
      const stored = values[y * columns + x];
      const isPadding = stored >= low && stored <= high;
      if (!isPadding && inside(x + 0.5, y + 0.5)) found.push(modalityValue(shades, stored));
    }
  }
  return found;
}
