/** Bytes of frames become the stored values that PS3.5 8.1 means, whatever stands in their spare bits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { precisionOf, storedValues } from "../../../../viewer/static/js/pixels/stored.js";

const LAYOUT = { rows: 1, columns: 3, bits: 12, signed: false };

test("bits above the value are no part of it", () => {
  const found = storedValues(new Uint16Array([0xf001, 0x0fff, 0x1000]).buffer, LAYOUT);
  assert.deepEqual([...found.values], [1, 4095, 0]);
  assert.deepEqual([found.low, found.high], [0, 4095]);
});

test("the sign is extended from the highest bit of the value", () => {
  const found = storedValues(new Uint16Array([0x0fff, 0x0800, 0x07ff]).buffer, { ...LAYOUT, signed: true });
  assert.deepEqual([...found.values], [-1, -2048, 2047]);
});

test("values of one byte stay in bytes, and a pad byte is left", () => {
  const found = storedValues(new Uint8Array([1, 2, 255, 0]).buffer, { ...LAYOUT, bits: 8 });
  assert.deepEqual([...found.values], [1, 2, 255]);
  const signed = storedValues(new Uint8Array([1, 2, 255]).buffer, { ...LAYOUT, bits: 8, signed: true });
  assert.deepEqual([...signed.values], [1, 2, -1]);
});

test("too few bytes are no frame", () => {
  assert.equal(storedValues(new ArrayBuffer(5), LAYOUT), null);
  assert.equal(storedValues(new ArrayBuffer(2), { ...LAYOUT, bits: 8 }), null);
});

test("a JPEG-LS stream tells the bits of its values", () => {
  const app = [0xff, 0xe8, 0, 4, 1, 2];
  const frame = [0xff, 0xf7, 0, 11, 12, 0, 1, 0, 3, 1, 1, 0x11, 0];
  assert.equal(precisionOf(new Uint8Array([0xff, 0xd8, ...app, ...frame])), 12);
  assert.equal(precisionOf(new Uint8Array([1, 2, 3])), 16);
});
