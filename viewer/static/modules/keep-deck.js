// Both bundles write the global `deck`, the second one over the first: keep the first.
globalThis.deckgl = globalThis.deck;
