/** Ruler and angle, drawn over the image they belong to; kept while the page is open. */
import { angle, distance } from "../lib/geometry.js";
import { toImage, toScreen } from "./view.js";

/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("./gestures.js").Drag} Drag */
/** @typedef {{kind: "ruler" | "angle", points: Point[]}} Measure  angle: the vertex in the middle */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

/** How near a mouse or a finger must come to an end to take hold of it, in CSS pixels. */
const GRIP = { mouse: 10, touch: 26 };
const NEAREST = 4;
const COLOUR = "#ffe14d";
const POINTS = { ruler: 2, angle: 3 };

export class Measures {
  /** @param {T} t */
  constructor(t) {
    this.t = t;
    /** @type {Map<string, Measure[]>} by frame */
    this.kept = new Map();
    /** @type {{frame: string, measure: Measure}[]} */
    this.undone = [];
    /** @type {Measure | null} an angle that still lacks its second arm */
    this.unfinished = null;
  }

  /** @param {Frame | null} frame */
  of(frame) {
    if (!frame) return [];
    const kept = this.kept.get(frame.key) ?? [];
    this.kept.set(frame.key, kept);
    return kept;
  }

  /**
   * @param {string} tool
   * @param {Pane} pane
   * @returns {Drag | null}
   */
  drag(tool, pane) {
    if (tool !== "ruler" && tool !== "angle") return null;
    /** @type {{measure: Measure, place: number} | null} */
    let held = null;
    return {
      begin: (at, event) => {
        held = this.grip(pane, at, event.pointerType === "mouse" ? GRIP.mouse : GRIP.touch) ?? this.begin(tool, pane, at);
      },
      move: (at) => {
        if (held) held.measure.points[held.place] = toImage(pane.matrix, at);
        pane.paint();
      },
      end: () => this.finish(pane, held),
    };
  }

  /**
   * Takes hold of an end that is there already.
   * @param {Pane} pane
   * @param {Point} at
   * @param {number} reach
   */
  grip(pane, at, reach) {
    const { matrix } = pane;
    for (const measure of this.of(pane.frame)) {
      const place = measure.points.findIndex((point) => apart(toScreen(matrix, point), at) < reach);
      if (place >= 0 && measure !== this.unfinished) return { measure, place };
    }
    return null;
  }

  /**
   * @param {"ruler" | "angle"} kind
   * @param {Pane} pane
   * @param {Point} at
   */
  begin(kind, pane, at) {
    const point = toImage(pane.matrix, at);
    const list = this.of(pane.frame);
    if (this.unfinished && list.includes(this.unfinished)) {
      this.unfinished.points.push(point);
      return { measure: this.unfinished, place: 2 };
    }
    /** @type {Measure} */
    const measure = { kind, points: [point, [...point]] };
    list.push(measure);
    this.undone = [];
    return { measure, place: 1 };
  }

  /**
   * @param {Pane} pane
   * @param {{measure: Measure, place: number} | null} held
   */
  finish(pane, held) {
    if (!held) return;
    const { measure } = held;
    const { matrix } = pane;
    const [a, b] = measure.points.map((point) => toScreen(matrix, point));
    if (apart(a, b) < NEAREST) this.remove(pane, measure);
    this.unfinished = measure.points.length < POINTS[measure.kind] && this.of(pane.frame).includes(measure) ? measure : null;
    pane.paint();
  }

  /**
   * @param {Pane} pane
   * @param {Measure} measure
   */
  remove(pane, measure) {
    const list = this.of(pane.frame);
    if (list.includes(measure)) list.splice(list.indexOf(measure), 1);
    if (this.unfinished === measure) this.unfinished = null;
    pane.paint();
  }

  /**
   * Ends an unfinished angle; returns whether there was one.
   * @param {Pane} pane
   */
  cancel(pane) {
    if (!this.unfinished) return false;
    this.remove(pane, this.unfinished);
    return true;
  }

  /** @param {Pane} pane */
  erase(pane) {
    const measure = this.of(pane.frame).slice(-1)[0];
    if (!measure || !pane.frame) return;
    this.undone.push({ frame: pane.frame.key, measure });
    this.remove(pane, measure);
  }

  /** @param {Pane} pane */
  undo(pane) {
    this.erase(pane);
  }

  /** @param {Pane} pane */
  redo(pane) {
    const last = this.undone.pop();
    if (last && pane.frame?.key === last.frame) this.of(pane.frame).push(last.measure);
    pane.paint();
  }

  /**
   * @param {Measure} measure
   * @param {Frame} frame
   */
  text({ kind, points }, frame) {
    if (kind === "angle") return points.length < 3 ? "" : this.t("viewer.angle", { degrees: angle(frame, points[0], points[1], points[2]).toFixed(1) });
    const { value, unit, kind: how } = distance(frame, points[0], points[1]);
    const text = `${unit === "px" ? Math.round(value) : value.toFixed(1)} ${unit}`;
    return how === "detector" ? this.t("viewer.detector", { length: text }) : text;
  }

  /** @param {Pane} pane */
  draw(pane) {
    const { frame } = pane;
    if (!frame) return;
    const list = this.of(frame);
    pane.element.dataset.measures = list.map((measure) => this.text(measure, frame)).join("|");
    const { context } = pane.painter;
    const { matrix } = pane;
    context.font = "600 14px system-ui, sans-serif";
    for (const measure of list) {
      const points = measure.points.map((point) => toScreen(matrix, point));
      lines(context, points);
      write(context, this.text(measure, frame), points[measure.kind === "angle" ? 1 : points.length - 1], pane.size);
    }
  }
}

/**
 * Draws yellow on black, which is seen on bone and on air.
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 */
function lines(context, points) {
  for (const [width, colour] of /** @type {[number, string][]} */ ([[4, "rgb(0 0 0 / 60%)"], [1.5, COLOUR]])) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.beginPath();
    points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
    for (const [x, y] of points) {
      context.moveTo(x + 4, y);
      context.arc(x, y, 4, 0, 2 * Math.PI);
    }
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {Point} at
 * @param {{width: number, height: number}} pane
 */
function write(context, text, [x, y], pane) {
  const wide = context.measureText(text).width;
  const left = Math.max(Math.min(x + 10, pane.width - wide - 6), 6);
  const base = Math.max(Math.min(y - 8, pane.height - 8), 18);
  context.lineWidth = 4;
  context.strokeStyle = "rgb(0 0 0 / 80%)";
  context.strokeText(text, left, base);
  context.fillStyle = COLOUR;
  context.fillText(text, left, base);
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function apart(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
