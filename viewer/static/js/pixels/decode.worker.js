/** Decompresses frames beside the page, so that scrolling never waits for a decoder. */
import { precisionOf, storedValues } from "./stored.js";

/** @typedef {import("./stored.js").Layout} Layout */
/** @typedef {{id: number, buffer: ArrayBuffer, compressed: boolean, layout: Layout}} Task */

/** @type {Promise<(stream: Uint8Array) => ArrayBuffer> | null} */
let decoder = null;

addEventListener("message", async (/** @type {MessageEvent<Task>} */ { data }) => {
  const { id, buffer, compressed, layout } = data;
  try {
    const found = compressed ? await decompressed(new Uint8Array(buffer), layout) : storedValues(buffer, layout);
    postMessage({ id, found }, { transfer: found ? [found.values.buffer] : [] });
  } catch (error) {
    postMessage({ id, found: null, reason: String(error) });
  }
});

/**
 * @param {Uint8Array} stream
 * @param {Layout} layout
 */
async function decompressed(stream, layout) {
  const decode = await charls();
  const bits = Math.min(precisionOf(stream), layout.bits);
  return storedValues(decode(stream), { ...layout, bits });
}

function charls() {
  // The codec comes with the first frame that needs it.
  decoder = decoder ?? import("../../vendor/charls.js").then((codec) => codec.openDecoder());
  return decoder;
}
