/** Plays a stack at its own speed: by the clock, never faster than its frames arrive. */

/** @typedef {import("./viewer.js").Viewer} Viewer */

/** For stacks that were never a film. */
const STILL_MS = 100;
const LEAST_MS = 4;

export class Cine {
  /** @param {Viewer} viewer */
  constructor(viewer) {
    this.viewer = viewer;
    this.playing = false;
    this.due = 0;
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  start() {
    const { active } = this.viewer;
    if ((active.stack?.frames.length ?? 0) < 2) return;
    this.playing = true;
    this.due = performance.now() + this.length(active.index);
    requestAnimationFrame((now) => this.tick(now));
    this.viewer.changed(active);
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.viewer.changed(this.viewer.active);
  }

  /** @param {number} index */
  length(index) {
    return Math.max(this.viewer.active.stack?.frameTimes?.[index] ?? STILL_MS, LEAST_MS);
  }

  /** @param {number} now */
  tick(now) {
    if (!this.playing) return;
    const { viewer } = this;
    const { stack, index } = viewer.active;
    const frames = stack?.frames ?? [];
    let next = index;
    // A slow screen leaves frames out, so that the heart beats as fast as it did.
    while (this.due <= now && frames.length) {
      const following = (next + 1) % frames.length;
      if (!viewer.source.peek(frames[following])) {
        this.wait(frames, following, now);
        break;
      }
      next = following;
      this.due += this.length(next);
    }
    if (next !== index) viewer.goTo(next);
    requestAnimationFrame((later) => this.tick(later));
  }

  /**
   * Waits for a frame that is not here yet; the clock goes on when it is.
   * @param {import("../lib/display.js").Frame[]} frames
   * @param {number} index
   * @param {number} now
   */
  wait(frames, index, now) {
    this.due = now;
    this.viewer.source.load(frames[index], 1).catch(() => this.stop());
  }
}
