/** Two stacks show the same place: by position where that is known, else by how far through they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mostAlike, placeIn } from "../../../../viewer/static/js/light/beside.js";

const AXIAL = [1, 0, 0, 0, 1, 0];
const SAGITTAL = [0, 1, 0, 0, 0, -1];

function stack(places, { orientation = AXIAL, frameOfReference = "1", ...series } = {}) {
  const made = { title: series.description ?? "", series };
  made.frames = places.map((z) => ({
    rows: 10,
    columns: 10,
    spacing: { row: 1, column: 1, kind: "patient" },
    plane: z === null ? null : { position: [0, 0, z], orientation, frameOfReference },
  }));
  return made;
}

function pane(stack_, index) {
  return { stack: stack_, index, frame: stack_.frames[index] };
}

test("in one frame of reference the nearest plane is shown, whatever its number", () => {
  const thin = stack([0, 2, 4, 6, 8, 10]);
  const thick = stack([10, 5, 0]);
  assert.equal(placeIn(pane(thin, 3), pane(thick, 0)), 1);
  assert.equal(placeIn(pane(thick, 2), pane(thin, 0)), 0);
});

test("planes that cross do not follow each other", () => {
  assert.equal(placeIn(pane(stack([0, 2]), 1), pane(stack([0, 2], { orientation: SAGITTAL }), 0)), null);
});

test("elsewhere stacks go along by their shares", () => {
  const prior = stack([0, 1, 2], { frameOfReference: "2" });
  assert.equal(placeIn(pane(stack([0, 1, 2, 3, 4]), 4), pane(prior, 0)), 2);
  assert.equal(placeIn(pane(stack([null, null, null]), 1), pane(prior, 0)), 1);
  assert.equal(placeIn(pane(stack([0]), 0), pane(prior, 1)), 0);
});

test("of a prior the stack most like the shown one opens", () => {
  const shown = stack([0, 1, 2], { modality: "CT", bodyPart: "CHEST", description: "Ngực 1 mm" });
  const scout = stack([0], { modality: "CT", bodyPart: "CHEST", description: "Topogram" });
  const chest = stack([0, 1], { modality: "CT", bodyPart: "CHEST", description: "Ngực 5 mm" });
  const brain = stack([0, 1, 2, 3], { modality: "CT", bodyPart: "HEAD", description: "Sọ" });
  const study = (...stacks) => ({ series: stacks.map((each) => ({ stacks: [each] })) });
  assert.equal(mostAlike(study(scout, brain, chest), shown), chest);
  assert.equal(mostAlike(study(), shown), null);
});
