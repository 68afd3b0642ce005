import { describe, expect, test } from '@jest/globals';
import { placeOf, readScpCommand } from '#gateway/protocols/ssh/scp/command.ts';
import { ScpPlaces } from '#gateway/protocols/ssh/scp/places.ts';

describe('the command', () => {
  test.each([
    ['scp -t /srv', { direction: 'to-target', paths: ['/srv'], directory: false }],
    ['scp -v -r -p -d -t /srv', { direction: 'to-target', paths: ['/srv'], directory: true }],
    ['/usr/bin/scp -rpdt -- -x', { direction: 'to-target', paths: ['-x'], directory: true }],
    ['scp -f a b', { direction: 'from-target', paths: ['a', 'b'], directory: false }],
    ['scp -r -f -- -a', { direction: 'from-target', paths: ['-a'], directory: false }],
  ])('%s', (words, command) => {
    expect(readScpCommand(words.split(' '))).toEqual(command);
  });

  test.each([
    'cp -t /srv',
    'scp',
    'scp -t',
    'scp -f',
    'scp a b',
    'scp -t a b',
    'scp -t -f a',
    'scp -S /bin/sh -t a',
    'scp -o ProxyCommand=x -f a',
    'scp --server -t a',
    'scp -t a -f b',
    'scp -f a -- b',
    'scp -t -',
  ])('%s is none that is followed', words => {
    expect(readScpCommand(words.split(' '))).toBeUndefined();
  });
});

test.each([
  ['/srv/./a//b/../c', '/srv/a/c'],
  ['a/b', '~/a/b'],
  ['', '~'],
  ['.', '~'],
  ['./../x', '~/../x'],
  ['~', '~'],
  ['~/', '~'],
  ['~/a/./b', '~/a/b'],
  ['~//etc', '~/etc'],
  ['~root/a', '~root/a'],
])('%s is at %s', (written, place) => {
  expect(placeOf(written)).toBe(place);
});

describe('where a file is', () => {
  const places = (words: string) => new ScpPlaces(readScpCommand(words.split(' '))!);

  test.each([
    ['scp -t /srv/a', 'f', ['/srv/a', '/srv/a/f']],
    ['scp -d -t /srv/a', 'f', ['/srv/a/f']],
    ['scp -t /srv/a/', 'f', ['/srv/a/f']],
    ['scp -t /srv/a/..', 'f', ['/srv/f']],
    ['scp -t .', 'f', ['~/f']],
    ['scp -t ~', 'f', ['~/f']],
    ['scp -t /', 'f', ['/f']],
    ['scp -t a', 'f', ['~/a', '~/a/f']],
    ['scp -f /srv/f', 'f', ['/srv/f']],
    ['scp -f /srv/f/', 'f', ['/srv/f']],
    ['scp -f f', 'f', ['~/f']],
    ['scp -f /f', 'f', ['/f']],
    ['scp -f /srv/*', 'f', ['/srv/f']],
    ['scp -f /srv/[a-z]', 'f', ['/srv/f']],
    ['scp -f *', 'f', ['~/f']],
    ['scp -f /a/f /b/f /a/f', 'f', ['/a/f', '/b/f']],
    ['scp -f /srv/other', 'f', []],
    ['scp -f /*/f*', 'f', []],
  ])('%s and the name %s', (words, name, expected) => {
    expect(places(words).of(name)).toEqual(expected);
  });

  test('inside of a directory it is wherever that is', () => {
    const inside = places('scp -r -t /srv/a');
    inside.enter(inside.of('d'));
    inside.enter(inside.of('e'));

    expect(inside.of('f')).toEqual(['/srv/a/e/f', '/srv/a/d/e/f']);
    inside.leave();
    expect(inside.of('f')).toEqual(['/srv/a/f', '/srv/a/d/f']);
  });
});
