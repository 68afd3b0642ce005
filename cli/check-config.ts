import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Io, processIo } from '#cli/io.ts';

interface Options {
  readonly config: string;
  readonly json?: boolean;
  readonly writeSchemas?: boolean;
}

/** `sallyport check-config`: exit code 1 when there is a mistake. */
export function checkConfigCommand(io: Io = processIo): Command {
  return new Command('check-config')
    .description('check the whole configuration folder and list every mistake with its file and line')
    .option('--config <folder>', 'the configuration folder', 'config')
    .option('--json', 'print mistakes, or the version, for machines')
    .option('--write-schemas', 'write the JSON Schemas that editors use to schema/ in the folder, first')
    .addHelpText(
      'after',
      `
Examples:
  sallyport check-config
  sallyport check-config --config ../production --json

Exit codes: 0 the configuration holds, 1 it has mistakes, 2 the command was wrong.`,
    )
    .action(async ({ config, json, writeSchemas }: Options) => {
      if (writeSchemas) await writeJsonSchemas(join(config, 'schema'));
      const { loadConfig } = await import('#lib/policy/config/load.ts');
      const { formatMistake } = await import('#lib/policy/config/mistake.ts');
      const { snapshot, mistakes } = loadConfig(config);
      if (snapshot === undefined) process.exitCode = 1;
      if (json) {
        io.out(`${JSON.stringify({ version: snapshot?.version ?? null, mistakes }, null, 2)}\n`);
        return;
      }
      if (snapshot === undefined) {
        for (const mistake of mistakes) io.out(`${formatMistake(config, mistake)}\n`);
        io.err(`${count(mistakes.length, 'mistake')} in ${config}.\n`);
        return;
      }
      const parts = [
        count(snapshot.policies.length, 'policy', 'policies'),
        count(Object.keys(snapshot.targets).length, 'target'),
        count(Object.keys(snapshot.approvals).length, 'group of approvers', 'groups of approvers'),
        count(Object.keys(snapshot.masks.classes).length, 'class of masked data', 'classes of masked data'),
      ];
      io.out(`${config} holds: ${parts.join(', ')}.\n${snapshot.version}\n`);
    });
}

async function writeJsonSchemas(folder: string): Promise<void> {
  const { jsonSchemas } = await import('#lib/policy/config/json-schemas.ts');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(jsonSchemas())) writeFileSync(join(folder, name), text);
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
