import { describe, expect, test } from '@jest/globals';
import { placeOf, ScpPlaces } from '#gateway/protocols/ssh/scp/places.ts';
import { scpLine } from './scp-line.ts';

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
  expect(placeOf(written, true)).toBe(place);
});

test('a tilde in quotes is a name', () => {
  expect(placeOf('~/a', false)).toBe('~/~/a');
  expect(placeOf('~root', false)).toBe('~/~root');
});

describe('where a file is', () => {
  const places = (line: string) => new ScpPlaces(scpLine(line));

  test.each([
    ['scp -t /srv/a', 'f', ['/srv/a', '/srv/a/f']],
    ['scp -d -t /srv/a', 'f', ['/srv/a/f']],
    ['scp -t /srv/a/', 'f', ['/srv/a/f']],
    ['scp -t /srv/a/..', 'f', ['/srv/f']],
    ['scp -t .', 'f', ['~/f']],
    ['scp -t ~', 'f', ['~/f']],
    ["scp -t '~'", 'f', ['~/~', '~/~/f']],
    ['scp -t /', 'f', ['/f']],
    ['scp -t a', 'f', ['~/a', '~/a/f']],
    ['scp -t -- -a', 'f', ['~/-a', '~/-a/f']],
    ['scp -t /srv/a*', 'f', []],
    ["scp -d -t '/srv/a*'", 'f', ['/srv/a*/f']],
    ['scp -f /srv/f', 'f', ['/srv/f']],
    ['scp -f /srv/f/', 'f', ['/srv/f']],
    ['scp -f f', 'f', ['~/f']],
    ['scp -f /f', 'f', ['/f']],
    ['scp -f /srv/*', 'f', ['/srv/f']],
    ['scp -f /srv/[a-z]', 'f', ['/srv/f']],
    ['scp -f ./*', 'f', ['~/f']],
    ["scp -f '*'", 'f', []],
    ["scp -f '*'", '*', ['~/*']],
    ['scp -f /a/f /b/f /a/f', 'f', ['/a/f', '/b/f']],
    ['scp -f /srv/other', 'f', []],
    ['scp -f /*/f*', 'f', []],
    ['scp -f /srv/ä', Buffer.from('ä').toString('latin1'), [Buffer.from('/srv/ä').toString('latin1')]],
  ])('%s and the name %s', (line, name, expected) => {
    expect(places(line).of(name)).toEqual(expected);
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
