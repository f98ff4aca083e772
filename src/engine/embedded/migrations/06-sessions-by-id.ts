export const sessionsById = `
CREATE INDEX sessions_by_id ON sessions (tenant, id);
`;
