import { expect, test } from '@jest/globals';
import { Conversation } from '#gateway/protocols/postgres/conversation.ts';

test('what the server said of its functions is taken to hold for a minute', () => {
  let now = 1_000;
  const conversation = new Conversation(new Map([['server_version', '15.4']]), () => now);
  const knownAt = (later: number) => {
    now += later;
    conversation.look();
    return conversation.functions;
  };
  expect(knownAt(0)).toBeUndefined();

  conversation.setFunctions(new Set(['wipe']));

  expect(knownAt(60_000)).toEqual(new Set(['wipe']));
  expect(knownAt(1)).toBeUndefined();
});

test('what holds as a pipeline begins holds in it for ten minutes, and what is old then does not', () => {
  let now = 1_000;
  const conversation = new Conversation(new Map([['server_version', '15.4']]), () => now);
  const pathAt = (later: number) => {
    now += later;
    conversation.look();
    return conversation.reading.searchPath;
  };
  conversation.setSearchPath(['pg_catalog', 'public']);
  now += 50_000;
  conversation.begin();

  expect(pathAt(500_000)).toEqual(['pg_catalog', 'public']);
  expect(pathAt(110_001)).toBeUndefined();

  conversation.end();
  conversation.setSearchPath(['pg_catalog', 'public']);
  now += 60_001;
  conversation.begin();
  expect(pathAt(0)).toBeUndefined();
});
