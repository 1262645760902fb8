/**
 * Frames for viewers: fetched, decoded and kept; what is on screen first, then outward from it.
 *
 * Invariants: a frame is fetched once however many ask for it; what nobody wants any more is cancelled; memory
 * stays within `maxBytes`, so reading ahead stops where it would push out what was read ahead.
 */
import { frameUrl, renderedUrl } from "../lib/display.js";
import { fetched, Trouble } from "../lib/trouble.js";
import { FrameCache } from "./cache.js";
import { Decoding } from "./decoding.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("./stored.js").Values} Values */
/**
 * @typedef {object} Pixels
 * @property {number} rows
 * @property {number} columns
 * @property {Values} [values]  stored values, row by row, of frames with `stored`
 * @property {number} low  the least stored value, 0 without values
 * @property {number} high
 * @property {ImageBitmap} [image]  the server's own lossless picture, of all other frames
 */
/**
 * @typedef {object} Job
 * @property {Frame} frame
 * @property {number} priority
 * @property {boolean} asked  somebody waits for it; else it is read ahead
 * @property {AbortController | null} fetching  null until it begins
 * @property {Promise<Pixels>} promise
 * @property {(pixels: Pixels) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/** Connections that a browser opens to one server over HTTP/1.1. */
const CONNECTIONS = 6;
/** Reading ahead leaves connections for what the reader asks next. */
const AHEAD_CONNECTIONS = 4;
const JPEG_LS = "1.2.840.10008.1.2.4.80";
const NATIVE = "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1";
const COMPRESSED = `image/jls; transfer-syntax=${JPEG_LS}, ${NATIVE}; q=0.5`;
const AHEAD = 2;

export class PixelSource {
  /**
   * @param {{maxBytes: number, compressed?: boolean}} options  compressed: whether JPEG-LS can be decoded here
   */
  constructor({ maxBytes, compressed = document.documentElement.dataset.bundle !== undefined }) {
    this.cache = new FrameCache(maxBytes);
    this.accept = compressed ? COMPRESSED : NATIVE;
    this.decoding = new Decoding();
    /** @type {Map<string, Job>} */
    this.jobs = new Map();
    /** @type {Frame[]} */
    this.wished = [];
    this.running = 0;
    /** @type {Set<(frame: Frame) => void>} */
    this.listeners = new Set();
  }

  /**
   * Returns the pixels of a frame, as soon as they are there; throws Trouble, or AbortError after `close`.
   * @param {Frame} frame
   * @param {number} [priority]  0: on screen, 1: next, 2: ahead
   * @returns {Promise<Pixels>}
   */
  load(frame, priority = 0) {
    const kept = this.cache.get(frame.key);
    if (kept) return Promise.resolve(kept);
    const job = this.jobs.get(frame.key) ?? this.add(frame, priority);
    job.priority = Math.min(job.priority, priority);
    job.asked = true;
    this.begin();
    return job.promise;
  }

  /**
   * Returns the pixels of a frame that is in memory.
   * @param {Frame} frame
   */
  peek(frame) {
    return this.cache.get(frame.key);
  }

  /**
   * Reads frames ahead in this order; earlier wishes that are not among them are cancelled.
   * @param {Frame[]} frames
   */
  ahead(frames) {
    this.wished = this.thatFit(frames);
    const keys = new Set(this.wished.map(({ key }) => key));
    for (const job of this.jobs.values()) {
      if (!job.asked && !keys.has(job.frame.key)) this.cancel(job);
    }
    this.begin();
  }

  /**
   * Gives up waiting for frames that went off screen: they become wishes, or are cancelled if nobody wished them.
   * @param {Frame[]} frames
   */
  release(frames) {
    for (const { key } of frames) {
      const job = this.jobs.get(key);
      if (!job) continue;
      job.asked = false;
      job.priority = AHEAD;
      if (!this.wished.includes(job.frame)) this.cancel(job);
    }
  }

  /**
   * Calls back whenever a frame came into memory; returns what ends that.
   * @param {(frame: Frame) => void} callback
   */
  onLoaded(callback) {
    this.listeners.add(callback);
    return () => this.listeners.delete(callback);
  }

  close() {
    this.wished = [];
    for (const job of [...this.jobs.values()]) this.cancel(job);
    this.decoding.close();
    this.listeners.clear();
  }

  /**
   * @param {Frame[]} frames
   * @returns {Frame[]}
   */
  thatFit(frames) {
    let bytes = 0;
    return frames.filter((frame) => {
      bytes += frame.rows * frame.columns * (frame.stored ? (frame.stored.bits > 8 ? 2 : 1) : 4);
      return bytes <= this.cache.maxBytes;
    });
  }

  /**
   * @param {Frame} frame
   * @param {number} priority
   * @returns {Job}
   */
  add(frame, priority) {
    /** @type {Partial<Job>} */
    const job = { frame, priority, asked: false, fetching: null };
    job.promise = new Promise((resolve, reject) => Object.assign(job, { resolve, reject }));
    // What is read ahead fails silently; it is asked for again when it comes on screen.
    job.promise.catch(() => {});
    this.jobs.set(frame.key, /** @type {Job} */ (job));
    return /** @type {Job} */ (job);
  }

  begin() {
    while (this.running < CONNECTIONS) {
      const job = this.next();
      if (!job) return;
      this.run(job);
    }
  }

  /** @returns {Job | null} */
  next() {
    /** @type {Job | null} */
    let best = null;
    for (const job of this.jobs.values()) {
      if (!job.fetching && (!best || job.priority < best.priority)) best = job;
    }
    if (best && best.priority < AHEAD) return best;
    if (this.running >= AHEAD_CONNECTIONS) return null;
    const wish = this.wished.find(({ key }) => !this.cache.has(key) && !this.jobs.has(key));
    return best ?? (wish ? this.add(wish, AHEAD) : null);
  }

  /** @param {Job} job */
  async run(job) {
    job.fetching = new AbortController();
    this.running += 1;
    try {
      const pixels = await this.fetch(job.frame, job.fetching.signal);
      if (this.jobs.get(job.frame.key) !== job) return;
      this.jobs.delete(job.frame.key);
      this.cache.put(job.frame.key, pixels);
      job.resolve(pixels);
      for (const callback of this.listeners) callback(job.frame);
    } catch (error) {
      if (this.jobs.get(job.frame.key) === job) this.jobs.delete(job.frame.key);
      // A frame that fails is not tried again by reading ahead.
      this.wished = this.wished.filter((frame) => frame !== job.frame);
      job.reject(error);
    } finally {
      this.running -= 1;
      this.begin();
    }
  }

  /** @param {Job} job */
  cancel(job) {
    this.jobs.delete(job.frame.key);
    job.fetching?.abort();
    job.reject(new DOMException("Nobody wants this frame any more.", "AbortError"));
  }

  /**
   * @param {Frame} frame
   * @param {AbortSignal} signal
   * @returns {Promise<Pixels>}
   */
  async fetch(frame, signal) {
    const { rows, columns, stored } = frame;
    if (!stored) return drawn(frame, signal);
    const answer = await fetched(frameUrl(frame), { signal, headers: { Accept: this.accept } });
    const compressed = (answer.headers.get("Content-Type") ?? "").includes(JPEG_LS);
    const buffer = await bodyOf(answer, signal);
    const decoded = await this.decoding.decode(buffer, compressed, { rows, columns, ...stored });
    if (!decoded) throw new Trouble("unreadable");
    return { rows, columns, ...decoded };
  }
}

/**
 * Fetches the server's own lossless picture: colours, palettes and depths that it alone draws.
 * @param {Frame} frame
 * @param {AbortSignal} signal
 * @returns {Promise<Pixels>}
 */
async function drawn(frame, signal) {
  const answer = await fetched(renderedUrl(frame), { signal, headers: { Accept: "image/png" } });
  const image = await createImageBitmap(new Blob([await bodyOf(answer, signal)], { type: "image/png" }));
  return { rows: image.height, columns: image.width, low: 0, high: 0, image };
}

/**
 * @param {Response} answer
 * @param {AbortSignal} signal
 */
async function bodyOf(answer, signal) {
  try {
    return await answer.arrayBuffer();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Trouble("offline");
  }
}
