/** A study as viewers know it: series, stacks of frames, and documents (GET /api/studies/{uid}/display). */
import { fetched } from "./trouble.js";

/** @typedef {{center: number, width: number, function: string, name?: string}} Window */
/** @typedef {{first: number, bits: number, values: string}} Lut  values: unsigned words, little endian, in base64 */
/**
 * @typedef {object} Shades
 * @property {number} slope
 * @property {number} intercept
 * @property {Lut | null} modalityLut
 * @property {Window | null} window
 * @property {Lut | null} voiLut
 * @property {Lut | null} [presentationLut]  of a presentation state: from the whole range of values of interest
 * @property {boolean} inverted
 * @property {[number, number] | null} padding
 */
/** @typedef {{position: number[], orientation: number[], frameOfReference: string}} Plane */
/** @typedef {{row: number, column: number, kind: "patient" | "detector" | "calibrated"}} Spacing  millimetres */
/** @typedef {{x0: number, y0: number, x1: number, y1: number, dx: number, dy: number}} Region */
/**
 * @typedef {object} Instance
 * @property {string} uid
 * @property {number | null} number
 * @property {string} sopClass
 * @property {string} kind
 * @property {string} address
 * @property {boolean} lossy
 * @property {string} acquired
 * @property {number | null} sliceLocation
 * @property {string} laterality
 * @property {string} viewPosition
 */
/**
 * @typedef {object} Facts  what an instance has besides when it is an image
 * @property {number} rows
 * @property {number} columns
 * @property {number} frames
 * @property {{bits: number, signed: boolean} | null} stored
 * @property {number | null} lossyRatio
 * @property {Shades} shades
 * @property {Window[]} windows
 * @property {Plane | null} plane
 * @property {Spacing | null} spacing
 * @property {number | null} sliceThickness
 * @property {Region[]} regions
 * @property {number} aspect
 * @property {[string, string] | null} patientOrientation
 * @property {number[] | null} frameTimes
 * @property {string} units
 * @property {boolean} overlays  whether planes of bits lie over the image (PS3.3 C.9.2)
 */
/** @typedef {{perFrame?: Partial<Facts>[]}} PerFrame */
/**
 * @typedef {Instance & Facts & {series: Series, instance: string, stack: Stack, index: number, key: string}} Frame
 * `number` is the frame's own (1 is the first), `index` its place in the stack (0 is the first).
 */
/** @typedef {{key: string, series: Series, title: string, frames: Frame[], cine: boolean, frameTimes: number[] | null}} Stack */
/**
 * @typedef {object} Series
 * @property {string} uid
 * @property {number | null} number
 * @property {string} modality
 * @property {string} description
 * @property {string} protocol
 * @property {string} bodyPart
 * @property {string} laterality
 * @property {string} date
 * @property {string} time
 * @property {Stack[]} stacks
 * @property {Instance[]} documents  everything that is no still image; video has the kind "video"
 */
/**
 * @typedef {object} Study
 * @property {string} uid
 * @property {{name: string, id: string, birthDate: string, sex: string}} patient
 * @property {string} date
 * @property {string} time
 * @property {string} description
 * @property {string} accession
 * @property {Series[]} series
 */

/**
 * Fetches what a viewer must know of a study; throws Trouble.
 * @param {string} uid
 * @param {AbortSignal} [signal]
 * @returns {Promise<Study>}
 */
export async function openStudy(uid, signal) {
  const answer = await fetched(`/api/studies/${encodeURIComponent(uid)}/display`, { signal });
  return studyOf(await answer.json());
}

/**
 * @param {any} found  the document
 * @returns {Study}
 */
export function studyOf(found) {
  return { ...found.study, series: found.series.map(seriesOf) };
}

/**
 * @param {any} found
 * @returns {Series}
 */
function seriesOf(found) {
  const { instances, ...facts } = found;
  /** @type {Series} */
  const series = { ...facts, stacks: [], documents: [] };
  /** @type {Stack | null} */
  let singles = null;
  for (const instance of instances) {
    if (instance.kind !== "image") {
      series.documents.push(instance);
    } else if (instance.frames > 1) {
      const stack = emptyStack(series, instance.uid);
      for (let number = 1; number <= instance.frames; number += 1) addFrame(stack, instance, number);
      stack.frameTimes = instance.frameTimes;
      stack.cine = instance.frameTimes !== null;
    } else {
      singles = singles ?? emptyStack(series, series.uid);
      addFrame(singles, instance, 1);
    }
  }
  return series;
}

/**
 * @param {Series} series
 * @param {string} key
 * @returns {Stack}
 */
function emptyStack(series, key) {
  /** @type {Stack} */
  const stack = { key, series, title: series.description, frames: [], cine: false, frameTimes: null };
  series.stacks.push(stack);
  return stack;
}

/**
 * @param {Stack} stack
 * @param {Instance & Facts & PerFrame} instance
 * @param {number} number
 */
function addFrame(stack, instance, number) {
  const { perFrame, ...facts } = instance;
  stack.frames.push({
    ...facts,
    ...(perFrame?.[number - 1] ?? {}),
    series: stack.series,
    instance: instance.uid,
    stack,
    number,
    index: stack.frames.length,
    key: `${instance.uid}/${number}`,
  });
}

/**
 * Returns where the server's own picture of a frame is, with the window it would choose unless one is given.
 * @param {Frame} frame
 * @param {{size?: number, window?: Window | null, mask?: boolean, state?: string}} [options]
 * size: pixels of the longer side, at most; mask: not the image but what lies over it; state: of a presentation state
 */
export function renderedUrl(frame, { size, window, mask, state } = {}) {
  const query = new URLSearchParams();
  if (mask) query.set("overlays", "mask");
  if (state) query.set("presentation", state);
  if (size) query.set("viewport", `${size},${size}`);
  if (window) query.set("window", [window.center, window.width, window.function.toLowerCase().replace("_", "-")].join());
  const which = frame.frames > 1 ? `/frames/${frame.number}/rendered` : "/rendered";
  const text = query.toString();
  return `${frame.address}${which}${text ? `?${text}` : ""}`;
}

/** @param {Frame} frame */
export function frameUrl(frame) {
  return `${frame.address}/frames/${frame.number}`;
}

/**
 * Returns the address of a small picture of a stack: of its middle frame.
 * @param {Stack} stack
 * @param {number} size
 */
export function thumbnailUrl(stack, size) {
  const middle = stack.frames[Math.floor(stack.frames.length / 2)];
  const which = middle.frames > 1 ? `/frames/${middle.number}/thumbnail` : "/thumbnail";
  return `${middle.address}${which}?viewport=${size},${size}`;
}
