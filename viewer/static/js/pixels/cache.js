/** Frames in memory, the most recently used ones within a number of bytes. */

/** @typedef {import("./source.js").Pixels} Pixels */

/** @param {Pixels} pixels */
export function bytesOf(pixels) {
  return pixels.values ? pixels.values.byteLength : pixels.rows * pixels.columns * 4;
}

export class FrameCache {
  /** @param {number} maxBytes */
  constructor(maxBytes) {
    this.maxBytes = maxBytes;
    this.bytes = 0;
    /** @type {Map<string, Pixels>} */
    this.frames = new Map();
  }

  /** @param {string} key */
  get(key) {
    const pixels = this.frames.get(key);
    if (pixels) {
      this.frames.delete(key);
      this.frames.set(key, pixels);
    }
    return pixels ?? null;
  }

  /** @param {string} key */
  has(key) {
    return this.frames.has(key);
  }

  /**
   * Keeps a frame and forgets the least recently used ones for it.
   * @param {string} key
   * @param {Pixels} pixels
   */
  put(key, pixels) {
    this.frames.set(key, pixels);
    this.bytes += bytesOf(pixels);
    for (const [oldest, forgotten] of this.frames) {
      if (this.bytes <= this.maxBytes || oldest === key) break;
      this.frames.delete(oldest);
      this.bytes -= bytesOf(forgotten);
      // A picture may still be on screen; what is not drawn any more is collected.
    }
  }
}
