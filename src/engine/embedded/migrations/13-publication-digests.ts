/** `digest` is of the publication, '' if an older release stored the key. `payload` is the one that routing rules rewrote; `diversion` says what became of a publication that is not in its topic. */
export const publicationDigests = `
ALTER TABLE publication_keys ADD COLUMN digest TEXT NOT NULL DEFAULT '';
ALTER TABLE publication_keys ADD COLUMN payload TEXT;
ALTER TABLE publication_keys ADD COLUMN diversion TEXT;
`;
