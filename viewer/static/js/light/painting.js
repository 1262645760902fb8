/** Puts frames on a canvas: grey levels by a table of shades, pictures as they are, graphics over both. */

/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("./view.js").Matrix} Matrix */

const OPAQUE = 0xff000000;
const GREY = 0x010101;
/** While somebody drags the window, larger images are painted with fewer pixels. */
const QUICK_PIXELS = 1_000_000;

export class Painter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    this.sheet = document.createElement("canvas");
    /** @type {CanvasImageSource | null} */
    this.source = null;
    this.ratio = 1;
  }

  /**
   * Makes the canvas as large as its place on the screen.
   * @param {import("./view.js").Size} pane
   */
  fit({ width, height, ratio }) {
    this.ratio = ratio;
    const [wide, high] = [Math.round(width * this.ratio), Math.round(height * this.ratio)];
    if (this.canvas.width === wide && this.canvas.height === high) return;
    this.canvas.width = wide;
    this.canvas.height = high;
  }

  /**
   * Takes what is drawn next: pixels through a table, or a picture made elsewhere.
   * @param {Pixels} pixels
   * @param {Uint8Array | null} table  shade of every stored value from the least on
   * @param {boolean} quick
   */
  take(pixels, table, quick) {
    if (pixels.image || !pixels.values || !table) {
      this.source = pixels.image ?? null;
      return;
    }
    const step = quick ? Math.ceil(Math.sqrt((pixels.rows * pixels.columns) / QUICK_PIXELS)) : 1;
    this.sheet.width = Math.ceil(pixels.columns / step);
    this.sheet.height = Math.ceil(pixels.rows / step);
    const context = /** @type {CanvasRenderingContext2D} */ (this.sheet.getContext("2d"));
    const image = context.createImageData(this.sheet.width, this.sheet.height);
    fill(new Uint32Array(image.data.buffer), pixels, table, step);
    context.putImageData(image, 0, 0);
    this.source = this.sheet;
  }

  /** @param {CanvasImageSource | null} picture */
  takePicture(picture) {
    this.source = picture;
  }

  /**
   * @param {Frame} frame
   * @param {Matrix} matrix
   * @param {{negative: boolean, faded: boolean, overlay: CanvasImageSource | null}} how
   */
  draw(frame, matrix, { negative, faded, overlay }) {
    const { context, ratio } = this;
    this.clear();
    if (!this.source) return;
    const [a, b, c, d, e, f] = matrix.map((each) => each * ratio);
    context.setTransform(a, b, c, d, e, f);
    context.imageSmoothingQuality = "high";
    context.globalAlpha = faded ? 0.35 : 1;
    context.drawImage(this.source, 0, 0, frame.columns, frame.rows);
    if (negative) {
      context.globalCompositeOperation = "difference";
      context.fillStyle = "#fff";
      context.fillRect(0, 0, frame.columns, frame.rows);
      context.globalCompositeOperation = "source-over";
    }
    if (overlay) context.drawImage(overlay, 0, 0, frame.columns, frame.rows);
    context.globalAlpha = 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  clear() {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }
}

/**
 * @param {Uint32Array} target
 * @param {Pixels} pixels
 * @param {Uint8Array} table
 * @param {number} step
 */
function fill(target, { values, columns, rows, low }, table, step) {
  if (!values) return;
  const colours = Uint32Array.from(table, (shade) => (OPAQUE | (shade * GREY)) >>> 0);
  let place = 0;
  for (let row = 0; row < rows; row += step) {
    const end = (row + 1) * columns;
    for (let n = row * columns; n < end; n += step) {
      target[place] = colours[values[n] - low];
      place += 1;
    }
  }
}

/**
 * Returns a picture of an overlay: marked pixels white, all others clear.
 * @param {Uint8Array} mask
 * @param {Frame} frame
 */
export function overlayPicture(mask, { columns, rows }) {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  const target = new Uint32Array(image.data.buffer);
  for (let n = 0; n < mask.length; n += 1) if (mask[n]) target[n] = 0xffffffff;
  context.putImageData(image, 0, 0);
  return canvas;
}
