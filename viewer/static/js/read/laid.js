/** What lies over the image of a pane: its overlays, or those and the shutters that a presentation state shows. */
import { Trouble } from "../lib/trouble.js";
import { overlayMask } from "../pixels/overlays.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("./pane.js").Pane} Pane */

export class Laid {
  /** @param {Pane} pane */
  constructor(pane) {
    this.pane = pane;
    /** Of the frame and state that `key` names. @type {Uint8Array | null} */
    this.mask = null;
    this.key = "";
  }

  /** @param {Frame} frame */
  stateFor(frame) {
    const { applied } = this.pane;
    return applied?.isFor(frame) ? applied : null;
  }

  /** @param {Frame} frame */
  keyFor(frame) {
    return `${frame.key} ${this.stateFor(frame)?.uid ?? ""}`;
  }

  /**
   * Returns what lies over a frame, as far as it is there.
   * @param {Frame} frame
   */
  on(frame) {
    if (!this.mask || this.key !== this.keyFor(frame)) return null;
    return { mask: this.mask, shutter: this.stateFor(frame)?.state.shutter ?? 0 };
  }

  /** Fetches what lies over the image on screen, and paints it once it is there. */
  async fetch() {
    const { frame } = this.pane;
    if (!frame) return;
    const key = this.keyFor(frame);
    if (this.key === key) return;
    Object.assign(this, { key, mask: null });
    const mask = await overlayMask(frame, this.stateFor(frame)?.uid).catch((error) => this.failed(error));
    if (!mask || this.key !== key) return;
    this.mask = mask;
    this.pane.element.dataset.laid = key;
    this.pane.repaint();
  }

  /**
   * An image without what lies over it is better than none, but nobody may take it for the whole.
   * @param {unknown} error
   */
  failed(error) {
    if (!(error instanceof Trouble)) throw error;
    this.key = "";
    this.pane.reader.notice(this.pane.reader.t("read.overlays.failed"));
    return null;
  }
}
