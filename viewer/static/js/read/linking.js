/** What panes tell each other: the same place, zoom and window when they are linked, and lines where planes cross. */
import { crossing, depth, normalOf } from "../lib/geometry.js";
import { placed } from "./placing.js";

/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Stack} Stack */

const SVG = "http://www.w3.org/2000/svg";
/** The cosine of the angle up to which planes count as parallel: 18 degrees. */
const PARALLEL = 0.95;

/**
 * Returns the place of a stack nearest to a frame, if both lie in one frame of reference and direction; else null.
 * @param {Stack} stack
 * @param {Frame} frame
 */
export function nearestPlace(stack, frame) {
  const { plane } = frame;
  if (!plane || !placed(frame).real) return null;
  const normal = normalOf(plane);
  const at = depth(plane, normal);
  let best = null;
  let least = Infinity;
  for (const { plane: other, index } of stack.frames) {
    if (!other || other.frameOfReference !== plane.frameOfReference) continue;
    const along = normalOf(other).reduce((sum, each, n) => sum + each * normal[n], 0);
    const off = Math.abs(depth(other, normal) - at);
    if (Math.abs(along) >= PARALLEL && off < least) [best, least] = [index, off];
  }
  return best;
}

export class Links {
  constructor() {
    this.on = false;
    this.following = false;
    /** How many places one pane was ahead of another when they were linked, as a prior has another first slice. */
    /** @type {Map<string, number>} */
    this.shifts = new Map();
  }

  /**
   * @param {boolean} on
   * @param {Pane[]} panes
   */
  turn(on, panes) {
    this.on = on;
    this.shifts.clear();
    for (const pane of panes) for (const other of panes) this.shifts.set(`${pane.id}>${other.id}`, other.wanted - pane.wanted);
  }

  /**
   * Runs `act` for every other pane that shows something, without those leading back.
   * @param {Pane} pane
   * @param {Pane[]} panes
   * @param {(other: Pane) => void} act
   */
  others(pane, panes, act) {
    if (!this.on || this.following) return;
    this.following = true;
    try {
      for (const other of panes) if (other !== pane && other.stack && other.viewport && other.index >= 0) act(other);
    } finally {
      this.following = false;
    }
  }

  /**
   * @param {Pane} pane
   * @param {Pane[]} panes
   */
  scrolled(pane, panes) {
    this.others(pane, panes, (other) => {
      const frame = pane.stack?.frames[pane.wanted];
      if (!other.stack || !frame) return;
      const shift = this.shifts.get(`${pane.id}>${other.id}`) ?? 0;
      other.show(nearestPlace(other.stack, frame) ?? pane.wanted + shift);
    });
  }

  /**
   * @param {Pane} pane
   * @param {Pane[]} panes
   */
  lookedAt(pane, panes) {
    this.others(pane, panes, ({ viewport }) => {
      const { zoom, pan } = pane.viewport.getViewPresentation();
      viewport.setViewPresentation({ zoom, pan });
      viewport.render();
    });
  }

  /**
   * @param {Pane} pane
   * @param {Pane[]} panes
   */
  windowed(pane, panes) {
    this.others(pane, panes, (other) => {
      if (other.stack?.series.modality === pane.stack?.series.modality) other.setVoi(pane.look.voi);
    });
  }
}

/**
 * Draws on panes where the plane of the active one crosses them.
 * @param {Pane[]} panes
 * @param {Pane} active
 * @param {boolean} on
 */
export function drawLines(panes, active, on) {
  for (const pane of panes) {
    const over = /** @type {SVGElement} */ (pane.element.querySelector("svg.over"));
    over.querySelector(".crossing")?.remove();
    const [frame, other] = [pane.frame, active.frame];
    const found = on && pane !== active && pane.viewport && frame && other ? crossing(frame, other) : null;
    pane.element.dataset.line = found ? found.map((point) => point.map((at) => at.toFixed(1)).join()).join(" ") : "";
    if (!found) continue;
    const [[x1, y1], [x2, y2]] = found.map((point) => pane.canvasOf(point));
    over.append(svg("line", { class: "crossing", x1, y1, x2, y2 }));
  }
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
export function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
