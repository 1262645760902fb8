/** What is dragged over an image: window, place in the stack, zoom, position, measurements. */
import { modalityValue } from "../lib/voi.js";
import { zoomed } from "./view.js";

/** @typedef {import("./gestures.js").Drag} Drag */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("../lib/display.js").Window} Window */

/** A drag over so many pixels changes a window by its own width. */
const WINDOW_TRAVEL = 300;
const ZOOM_TRAVEL = 200;
const LEAST_SCROLL = 4;
const MOST_SCROLL = 28;

/**
 * @param {string} tool
 * @param {Viewer} viewer
 * @param {Pane} pane
 * @returns {Drag | null}
 */
export function dragOf(tool, viewer, pane) {
  if (!pane.frame) return null;
  if (tool === "window") return windowing(pane);
  if (tool === "scroll") return scrolling(viewer, pane);
  if (tool === "zoom") return zooming(viewer, pane);
  if (tool === "pan") return panning(viewer, pane);
  return viewer.measures?.drag(tool, pane) ?? null;
}

/**
 * Left and right: contrast; up and down: brightness.
 * @param {Pane} pane
 * @returns {Drag | null}
 */
function windowing(pane) {
  const from = startingWindow(pane);
  if (!from) return null;
  const gain = Math.max(from.width, spanOf(pane) / 100) / WINDOW_TRAVEL;
  let [x, y, moved] = [0, 0, false];
  return {
    begin: (at) => ([x, y] = at),
    move: (at) => {
      moved = true;
      const width = Math.max(from.width + (at[0] - x) * gain, 1);
      pane.setWindow({ ...from, width: rounded(width), center: rounded(from.center + (at[1] - y) * gain) }, true);
    },
    end: () => moved && pane.setWindow(pane.window),
  };
}

/**
 * Returns the window to begin with; instead of a table of the header, the header's window or all values.
 * @param {Pane} pane
 * @returns {Window | null}
 */
function startingWindow(pane) {
  const { voi, frame, pixels } = pane;
  if (voi !== "lut") return voi;
  if (!frame || !pixels) return null;
  const [low, high] = [modalityValue(frame.shades, pixels.low), modalityValue(frame.shades, pixels.high)];
  return frame.windows[0] ?? { center: (low + high) / 2, width: Math.max(high - low, 1), function: "LINEAR" };
}

/** @param {Pane} pane */
function spanOf({ frame, pixels }) {
  if (!frame || !pixels) return 0;
  return Math.abs(modalityValue(frame.shades, pixels.high) - modalityValue(frame.shades, pixels.low));
}

/** @param {number} value */
function rounded(value) {
  return Math.abs(value) < 20 ? Math.round(value * 100) / 100 : Math.round(value);
}

/**
 * @param {Viewer} viewer
 * @param {Pane} pane
 * @returns {Drag}
 */
function scrolling(viewer, pane) {
  const travel = Math.min(Math.max(pane.size.height / (pane.stack?.frames.length ?? 1), LEAST_SCROLL), MOST_SCROLL);
  const from = pane.index;
  let y = 0;
  return {
    begin: (at) => (y = at[1]),
    move: (at) => viewer.goTo(from + Math.round((at[1] - y) / travel), pane),
    end: () => {},
  };
}

/**
 * @param {Viewer} viewer
 * @param {Pane} pane
 * @returns {Drag}
 */
function zooming(viewer, pane) {
  /** @type {[number, number]} */
  let about = [0, 0];
  return {
    begin: ([x, y]) => (about = [x - pane.size.width / 2, y - pane.size.height / 2]),
    move: (_, by) => viewer.look(pane, zoomed(pane.view, Math.exp(-by[1] / ZOOM_TRAVEL), about)),
    end: () => {},
  };
}

/**
 * @param {Viewer} viewer
 * @param {Pane} pane
 * @returns {Drag}
 */
function panning(viewer, pane) {
  return {
    begin: () => {},
    move: (_, [x, y]) => viewer.look(pane, { x: pane.view.x + x, y: pane.view.y + y }),
    end: () => {},
  };
}
