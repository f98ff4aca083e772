/** Rows of the tables in the documents, from the code they speak of. */
import { VARIABLES } from '../src/config/variables.ts';
import { ERROR_CODES } from '../src/errors.ts';

export function errorRows(): string[] {
  return Object.entries(ERROR_CODES).map(([code, { meaning, retry }]) => `| \`${code}\` | ${meaning} | ${retry} |`);
}

export function configurationRows(): string[] {
  return Object.entries(VARIABLES).map(([name, { meaning, takes, default: fallback }]) => {
    const shown = fallback === null ? 'unset' : `\`${fallback}\``;
    return `| \`${name}\` | ${meaning} | ${takes} | ${shown} |`;
  });
}

export function environmentExample(): string {
  const lines = Object.entries(VARIABLES).map(([name, { meaning, takes, default: fallback }]) => {
    const comment = `# ${meaning[0]?.toUpperCase()}${meaning.slice(1)}. Takes ${takes}.`;
    return `${comment}\n#${name}=${fallback ?? ''}\n`;
  });
  return `# Copy to .env, which \`npm start\` reads. Everything is optional; these are the defaults.\n\n${lines.join('\n')}`;
}
