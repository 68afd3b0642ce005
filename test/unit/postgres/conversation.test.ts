import { expect, test } from '@jest/globals';
import { Conversation } from '#gateway/protocols/postgres/conversation.ts';

test('what the server said of its functions is asked again after a minute, and holds until it is', () => {
  let now = 1_000;
  const conversation = new Conversation(new Map([['server_version', '15.4']]), () => now);
  expect(conversation.functionsAreOld).toBe(true);

  conversation.setFunctions(new Set(['wipe']));
  now += 60_000;
  expect(conversation.functionsAreOld).toBe(false);
  now += 1;

  expect(conversation.functionsAreOld).toBe(true);
  expect(conversation.functions).toEqual(new Set(['wipe']));
});
