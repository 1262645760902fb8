/** A frame lies on the screen as its edge labels say, and what is under the finger stays there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { edgeLabels } from "../../../../viewer/static/js/lib/geometry.js";
import { FITTED, matrixOf, mirrored, MOST_ZOOM, scaleOf, toImage, toScreen, turned, zoomed } from "../../../../viewer/static/js/light/view.js";

const FRAME = { rows: 100, columns: 200, aspect: 1, patientOrientation: ["L", "P"], plane: null };
const PANE = { width: 400, height: 300, ratio: 1 };

function near(found, wanted) {
  found.forEach((each, n) => assert.ok(Math.abs(each - wanted[n]) < 1e-9, `${found} is not ${wanted}`));
}

test("a fitted frame fills the pane as far as its shape allows", () => {
  assert.equal(scaleOf(FRAME, FITTED, PANE), 2);
  assert.equal(scaleOf(FRAME, { ...FITTED, rotation: 90 }, PANE), 1.5);
  assert.equal(scaleOf({ ...FRAME, aspect: 3 }, FITTED, PANE), 1);
  near(toScreen(matrixOf(FRAME, FITTED, PANE), [0, 0]), [0, 50]);
  near(toScreen(matrixOf(FRAME, FITTED, PANE), [200, 100]), [400, 250]);
});

test("pixels that are not square keep their shape", () => {
  const [, , , d] = matrixOf({ ...FRAME, aspect: 2 }, FITTED, PANE);
  assert.equal(d, 2 * scaleOf({ ...FRAME, aspect: 2 }, FITTED, PANE));
});

test("a point of the screen leads back to its point of the image", () => {
  const view = { zoom: 1.7, x: 13, y: -8, rotation: 270, flipped: true };
  const matrix = matrixOf({ ...FRAME, aspect: 1.4 }, view, PANE);
  near(toImage(matrix, toScreen(matrix, [31.5, 77.25])), [31.5, 77.25]);
});

test("however it is turned and mirrored, the edges are where their labels say", () => {
  let view = { ...FITTED };
  const steps = [(v) => turned(v, 1), (v) => mirrored(v, false), (v) => turned(v, 1), (v) => mirrored(v, true), (v) => turned(v, -1), (v) => turned(v, -1)];
  for (const step of steps) {
    view = step(view);
    const matrix = matrixOf(FRAME, view, PANE);
    const [x, y] = toScreen(matrix, [199, 50]);
    const sides = { left: PANE.width / 2 - x, right: x - PANE.width / 2, top: PANE.height / 2 - y, bottom: y - PANE.height / 2 };
    const side = Object.keys(sides).reduce((best, each) => (sides[each] > sides[best] ? each : best));
    assert.equal(edgeLabels(FRAME, view)[side], "L", JSON.stringify(view));
  }
});

test("mirroring twice and turning four times leave everything as it was", () => {
  const view = { zoom: 2, x: 10, y: 20, rotation: 90, flipped: false };
  for (const upsideDown of [false, true]) assert.deepEqual(mirrored(mirrored(view, upsideDown), upsideDown), view);
  assert.deepEqual([1, 1, 1, 1].reduce((each) => turned(each, 1), view), view);
});

test("zooming keeps the point under the finger, within limits", () => {
  const view = { ...FITTED, x: 5, y: -3 };
  const at = [60, 40];
  const onScreen = [PANE.width / 2 + at[0], PANE.height / 2 + at[1]];
  const before = toImage(matrixOf(FRAME, view, PANE), onScreen);
  near(toImage(matrixOf(FRAME, zoomed(view, 2.5, at), PANE), onScreen), before);
  assert.equal(zoomed(view, 1e9).zoom, MOST_ZOOM);
});

test("pixel on pixel, the image begins on a whole pixel of the screen", () => {
  for (const ratio of [1, 2, 3]) {
    const pane = { width: 401, height: 303, ratio };
    const zoom = 1 / (scaleOf(FRAME, FITTED, pane) * ratio);
    const [a, , , , e, f] = matrixOf(FRAME, { ...FITTED, zoom }, pane);
    assert.ok(Math.abs(a * ratio - 1) < 1e-9);
    for (const place of [e * ratio, f * ratio]) assert.ok(Math.abs(place - Math.round(place)) < 1e-9);
  }
});
