/** Moving through a stack at its own pace; the pace of a stack without one is chosen. */

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./pane.js").Pane} Pane */

const STACK_MS = 100;

export class Cine {
  /** @param {Reader} reader */
  constructor(reader) {
    this.reader = reader;
    /** @type {Pane | null} */
    this.pane = null;
    this.timer = 0;
  }

  get playing() {
    return this.pane !== null;
  }

  toggle() {
    if (this.pane) this.stop();
    else this.start(this.reader.active);
  }

  /** @param {Pane} pane */
  start(pane) {
    if (!pane.stack || pane.stack.frames.length < 2) return;
    this.pane = pane;
    pane.element.dataset.playing = "true";
    this.step(performance.now());
  }

  stop() {
    clearTimeout(this.timer);
    if (this.pane) delete this.pane.element.dataset.playing;
    this.pane = null;
  }

  /** @param {number} due  when the image on screen should have come */
  step(due) {
    const { pane } = this;
    if (!pane?.stack || !this.reader.panes.includes(pane)) return this.stop();
    const { frames, frameTimes } = pane.stack;
    const lasts = frameTimes?.[pane.wanted] || STACK_MS;
    const now = performance.now();
    // Who is late does not hurry to catch up: that would show a faster movement.
    const at = Math.max(due + lasts, now);
    this.timer = window.setTimeout(() => {
      // A frame that is not there yet holds the motion; leaving it out would show another one.
      if (pane.state !== "loading") this.reader.goTo(pane, (pane.wanted + 1) % frames.length);
      this.step(at);
    }, at - now);
  }
}
