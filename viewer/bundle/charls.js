/** JPEG-LS for js/pixels/decode.worker.js. */
import factory from "@cornerstonejs/codec-charls/decodewasmjs";
import wasm from "@cornerstonejs/codec-charls/decodewasm?url";

/**
 * Returns a function from one JPEG-LS stream to its samples, little endian, in a buffer of their own.
 * @returns {Promise<(stream: Uint8Array) => ArrayBuffer>}
 */
export async function openDecoder() {
  const codec = await factory({ locateFile: () => new URL(wasm, import.meta.url).href });
  return (stream) => {
    const decoder = new codec.JpegLSDecoder();
    try {
      decoder.getEncodedBuffer(stream.length).set(stream);
      decoder.decode();
      const samples = decoder.getDecodedBuffer();
      return samples.buffer.slice(samples.byteOffset, samples.byteOffset + samples.byteLength);
    } finally {
      // The memory of the module is not garbage collected.
      decoder.delete();
    }
  };
}
