// Who looks: staff at the whole map, which /api answers, or an agency's people at what its agreement shows, which /share answers.

const MAP = "/map";
const SIGN_IN = "/map/sign-in";
let isOpen = false;

export const isShared = location.pathname === MAP;
export const here = () => `${location.pathname}${location.search}${location.hash}`;

// Where what staff read at /api is read from.
export const placed = (path) => (isShared ? path.replace(/^\/api\//, "/share/") : path);

// Under an agreement an answer stands beside what it is under.
export const answerOf = (document) => (isShared && document.agreement ? document.answer : document);

export const opened = () => (isOpen = true);

// Nothing of the map is seen when its key opens nothing any more.
export function leave() {
  document.body.hidden = true;
  const query = new URLSearchParams({ next: here(), ...(isOpen && { ended: true }) });
  const language = new URLSearchParams(location.search).get("language");
  if (language) query.set("language", language);
  location.replace(`${SIGN_IN}?${query}`);
}
