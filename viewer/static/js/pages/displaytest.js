/** The display test: draws the pattern on the pixels that the screen really has. */
import { pattern } from "../lib/pattern.js";

const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("pattern"));
const button = /** @type {HTMLButtonElement} */ (document.getElementById("fullscreen"));

/** @param {number} side Device pixels of an edge. */
function draw(side) {
  const context = canvas.getContext("2d", { alpha: false });
  if (!context || side < 1) return;
  canvas.width = canvas.height = side;
  for (const { x, y, width, height, grey } of pattern(side)) {
    context.fillStyle = `rgb(${grey}, ${grey}, ${grey})`;
    context.fillRect(x, y, width, height);
  }
  canvas.dataset.side = String(side);
}

/** @param {ResizeObserverEntry} entry */
function sideOf(entry) {
  const side = Math.min(entry.contentRect.width, entry.contentRect.height) * devicePixelRatio;
  // Where a browser tells device pixels, they are exact at every zoom; those of emulated screens are not.
  const exact = entry.devicePixelContentBoxSize?.[0];
  const told = exact ? Math.min(exact.inlineSize, exact.blockSize) : 0;
  return Math.abs(told - side) < 2 ? told : Math.round(side);
}

const observer = new ResizeObserver(([entry]) => draw(sideOf(entry)));
try {
  observer.observe(canvas, { box: "device-pixel-content-box" });
} catch {
  observer.observe(canvas);
}

button.hidden = !document.fullscreenEnabled;
button.addEventListener("click", () => void canvas.requestFullscreen().catch(() => undefined));
