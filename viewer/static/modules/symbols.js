// Signs for nodes, drawn once on a canvas that serves as the icon atlas.

const CELL = 64;
const DRAWINGS = { valve: bowTie, closed_valve: closedBowTie, hydrant, well, source, inlet, critical: cross, consumer: house };
const SIGN_OF_ROLE = { valve: "valve", switch: "valve", one_way: "valve", hydrant: "hydrant", well: "well", inlet: "inlet", source: "source", regulator: "source", pump: "source" };

export const iconMapping = Object.fromEntries(
  Object.keys(DRAWINGS).map((name, index) => [name, { x: index * CELL, y: 0, width: CELL, height: CELL, anchorY: CELL / 2 }]),
);

export function drawAtlas() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [CELL * Object.keys(DRAWINGS).length, CELL];
  const pen = canvas.getContext("2d");
  pen.lineWidth = 5;
  pen.lineJoin = "round";
  for (const draw of Object.values(DRAWINGS)) {
    draw(pen);
    pen.translate(CELL, 0);
  }
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

// The sign for a role of the appurtenance table; undefined for those drawn as plain points.
export const signOf = (role, state) => (SIGN_OF_ROLE[role] === "valve" && state === "closed" ? "closed_valve" : SIGN_OF_ROLE[role]);

function shape(pen, points, fill, stroke = "#ffffff") {
  pen.beginPath();
  points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
  paint(pen, fill, stroke);
}

function disc(pen, radius, fill, stroke = "#ffffff") {
  pen.beginPath();
  pen.arc(32, 32, radius, 0, 2 * Math.PI);
  paint(pen, fill, stroke);
}

function paint(pen, fill, stroke) {
  pen.fillStyle = fill;
  pen.strokeStyle = stroke;
  pen.fill();
  pen.stroke();
}

function bowTie(pen, fill = "#1d6b4f") {
  shape(pen, [[6, 14], [58, 50], [58, 14], [6, 50]], fill);
}

function closedBowTie(pen) {
  bowTie(pen, "#b3261e");
}

function hydrant(pen) {
  disc(pen, 22, "#e5484d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(28, 18, 8, 28);
  pen.fillRect(20, 26, 24, 7);
}

function well(pen) {
  disc(pen, 20, "#f4f6f8", "#3d4a5c");
  pen.beginPath();
  pen.arc(32, 32, 10, 0, 2 * Math.PI);
  pen.stroke();
}

function inlet(pen) {
  shape(pen, [[14, 20], [50, 20], [50, 44], [14, 44]], "#f4f6f8", "#3d4a5c");
  pen.fillStyle = "#3d4a5c";
  for (const x of [21, 30, 39]) pen.fillRect(x, 25, 5, 14);
}

function source(pen) {
  shape(pen, [[32, 6], [58, 30], [50, 56], [14, 56], [6, 30]], "#1f6feb");
}

function cross(pen) {
  disc(pen, 26, "#ffffff", "#d61f26");
  pen.fillStyle = "#d61f26";
  pen.fillRect(26, 15, 12, 34);
  pen.fillRect(15, 26, 34, 12);
}

function house(pen) {
  shape(pen, [[32, 14], [50, 30], [50, 50], [14, 50], [14, 30]], "#6b7a90");
}
