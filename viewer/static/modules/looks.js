// How answers look: colours and patterns of segments, discs of places, and the steps of a coloured map.

let looks = { segments: {}, marks: {}, ramp: [] };

export function setLooks({ segments, marks, ramp }) {
  const looked = Object.entries(segments).map(([name, { colour, pattern }]) => [name, { name, color: colour && [...colour, 255], pattern }]);
  looks = { segments: Object.fromEntries(looked), marks, ramp: ramp.map((colour) => ({ color: [...colour, 255], pattern: "solid" })) };
}

export const lookOf = (name) => looks.segments[name];
export const lookNames = () => Object.keys(looks.segments);
export const markOf = (name) => looks.marks[name];
export const markNames = () => Object.keys(looks.marks);
export const ramp = () => looks.ramp;

// Looks by segment identity, of lists of identities by name of look; the later lists win.
export function paint(lists) {
  const looked = new Map();
  for (const [name, ids] of Object.entries(lists)) for (const id of ids) looked.set(id, lookOf(name));
  return looked;
}
