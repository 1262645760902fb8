/** A few workers that decode frames; each task goes to the one with the least to do. */

/** @typedef {import("./stored.js").Layout} Layout */
/** @typedef {import("./stored.js").Values} Values */
/** @typedef {{values: Values, low: number, high: number}} Decoded */
/** @typedef {{resolve: (found: Decoded | null) => void}} Waiting */

/** One core stays with the page; more than three decoders wait for the network anyway. */
const MOST_WORKERS = 3;

class DecodeWorker {
  constructor() {
    this.worker = new Worker(new URL("./decode.worker.js", import.meta.url), { type: "module" });
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.worker.addEventListener("message", ({ data }) => this.settle(data.id, data.found));
    // A worker that cannot even start fails all it was given; each frame then says so in its place.
    this.worker.addEventListener("error", () => [...this.waiting.keys()].forEach((id) => this.settle(id, null)));
  }

  /**
   * @param {number} id
   * @param {Decoded | null} found
   */
  settle(id, found) {
    this.waiting.get(id)?.resolve(found);
    this.waiting.delete(id);
  }
}

export class Decoding {
  constructor() {
    /** @type {DecodeWorker[]} */
    this.workers = [];
    this.most = Math.max(1, Math.min(MOST_WORKERS, (navigator.hardwareConcurrency || 2) - 1));
    this.last = 0;
  }

  /**
   * Decodes one frame; null if its bytes are damaged or too few. `buffer` is given away.
   * @param {ArrayBuffer} buffer
   * @param {boolean} compressed  JPEG-LS if so, else native
   * @param {Layout} layout
   * @returns {Promise<Decoded | null>}
   */
  decode(buffer, compressed, layout) {
    const chosen = this.choose();
    this.last += 1;
    const id = this.last;
    return new Promise((resolve) => {
      chosen.waiting.set(id, { resolve });
      chosen.worker.postMessage({ id, buffer, compressed, layout }, [buffer]);
    });
  }

  choose() {
    const idle = this.workers.find((each) => each.waiting.size === 0);
    if (idle) return idle;
    if (this.workers.length < this.most) {
      this.workers.push(new DecodeWorker());
      return this.workers[this.workers.length - 1];
    }
    return this.workers.reduce((least, each) => (each.waiting.size < least.waiting.size ? each : least));
  }

  close() {
    for (const { worker } of this.workers) worker.terminate();
    this.workers = [];
  }
}
