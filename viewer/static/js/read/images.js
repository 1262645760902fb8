/** Our frames as Cornerstone's images: a loader and metadata that answer from the display document. */
import { placed } from "./placing.js";
import { BANDS, paint } from "./shading.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../pixels/source.js").PixelSource} PixelSource */
/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {import("./shading.js").Look} Look */

const SCHEME = "gateway";
const BEFORE_OTHER_PROVIDERS = 10000;
/** Painted images that Cornerstone keeps; what they are painted from is kept by PixelSource. */
const MOST_PAINTED = 12;
/** The window of painted shades, which are shown as they are. */
const AS_PAINTED = { windowCenter: 128, windowWidth: 256, voiLUTFunction: "LINEAR" };

export class Images {
  /**
   * @param {any} core  Cornerstone
   * @param {PixelSource} source
   */
  constructor(core, source) {
    this.core = core;
    this.source = source;
    /** @type {Map<string, Frame>} */
    this.frames = new Map();
    /** @type {string[]} */
    this.painted = [];
    core.imageLoader.registerImageLoader(SCHEME, (/** @type {string} */ id) => ({ promise: this.load(id) }));
    core.metaData.addProvider((/** @type {string} */ kind, /** @type {string} */ id) => this.facts(kind, id), BEFORE_OTHER_PROVIDERS);
  }

  /**
   * Returns the name by which Cornerstone knows a frame.
   * @param {Frame} frame
   */
  idOf(frame) {
    const id = `${SCHEME}:${frame.key}`;
    this.frames.set(id, frame);
    return id;
  }

  /** @param {string} id */
  frameOf(id) {
    return this.frames.get(id);
  }

  /** @param {string} id */
  async load(id) {
    const frame = /** @type {Frame} */ (this.frames.get(id));
    const pixels = await this.source.load(frame, 0);
    this.forgetBefore(id);
    return this.imageOf(id, frame, pixels);
  }

  /**
   * Paints an image anew.
   * @param {any} image
   * @param {Look} look
   */
  paint(image, look) {
    paint(image.frame, image.pixels, look, image.voxelManager.getScalarData());
  }

  /**
   * Lets Cornerstone forget the image that was painted longest ago.
   * @param {string} id  of the newest
   */
  forgetBefore(id) {
    this.painted = this.painted.filter((each) => each !== id);
    this.painted.push(id);
    if (this.painted.length <= MOST_PAINTED) return;
    const oldest = /** @type {string} */ (this.painted.shift());
    if (this.core.cache.getImageLoadObject(oldest)) this.core.cache.removeImageLoadObject(oldest, { force: true });
  }

  /**
   * @param {string} imageId
   * @param {Frame} frame
   * @param {Pixels} pixels
   */
  imageOf(imageId, frame, pixels) {
    const { rows, columns } = pixels;
    const bands = pixels.values ? 1 : BANDS;
    const { spacing } = placed(frame);
    const scalarData = new Uint8Array(rows * columns * bands);
    const voxelManager = this.core.utilities.VoxelManager.createImageVoxelManager({ width: columns, height: rows, scalarData, numberOfComponents: bands });
    return {
      ...{ imageId, frame, pixels, voxelManager, dataType: "Uint8Array", getPixelData: () => scalarData },
      ...{ rows, columns, height: rows, width: columns, numberOfComponents: bands, color: bands === BANDS, rgba: false },
      ...{ minPixelValue: 0, maxPixelValue: 255, slope: 1, intercept: 0, invert: false, ...AS_PAINTED },
      ...{ columnPixelSpacing: spacing.column, rowPixelSpacing: spacing.row, sizeInBytes: scalarData.byteLength },
      photometricInterpretation: bands === BANDS ? "RGB" : "MONOCHROME2",
    };
  }

  /**
   * @param {string} kind
   * @param {string} id
   */
  facts(kind, id) {
    const frame = this.frames.get(id);
    if (!frame) return undefined;
    if (kind === "imagePlaneModule") return planeModule(frame);
    if (kind === "imagePixelModule") return pixelModule(frame);
    if (kind === "generalSeriesModule") return { modality: frame.series.modality, seriesInstanceUID: frame.series.uid };
    if (kind === "voiLutModule") return { windowCenter: [128], windowWidth: [256], voiLUTFunction: "LINEAR" };
    if (kind === "modalityLutModule") return { rescaleSlope: 1, rescaleIntercept: 0 };
    return undefined;
  }
}

/** @param {Frame} frame */
function planeModule(frame) {
  const { plane, spacing } = placed(frame);
  return {
    ...{ rows: frame.rows, columns: frame.columns, rowCosines: plane.orientation.slice(0, 3), columnCosines: plane.orientation.slice(3) },
    ...{ imagePositionPatient: plane.position, imageOrientationPatient: plane.orientation, frameOfReferenceUID: plane.frameOfReference },
    ...{ pixelSpacing: [spacing.row, spacing.column], rowPixelSpacing: spacing.row, columnPixelSpacing: spacing.column },
    ...{ sliceThickness: frame.sliceThickness, sliceLocation: frame.sliceLocation, usingDefaultValues: false },
  };
}

/** @param {Frame} frame */
function pixelModule(frame) {
  const photometricInterpretation = frame.stored ? "MONOCHROME2" : "RGB";
  return { bitsAllocated: 8, bitsStored: 8, highBit: 7, pixelRepresentation: 0, samplesPerPixel: frame.stored ? 1 : BANDS, photometricInterpretation };
}
