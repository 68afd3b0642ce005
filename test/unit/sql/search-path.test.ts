import { describe, expect, test } from '@jest/globals';
import { pathOf } from '#lib/sql/search-path.ts';

describe('the schemas that names may be looked up in', () => {
  test.each([
    ['"$user", public', ['pg_catalog', 'public'], ['pg_catalog', 'public']],
    [
      '"$user", public',
      ['pg_temp_3', 'pg_catalog', 'app', 'public'],
      ['pg_temp_3', 'pg_catalog', 'app', 'public'],
    ],
    ['', ['pg_catalog'], ['pg_catalog']],
    ['""', ['pg_catalog'], ['pg_catalog', '']],
    // One that does not exist hides tables of others as soon as it does.
    ['archive, public', ['pg_catalog', 'public'], ['pg_catalog', 'public', 'archive']],
    ['public, archive', ['pg_catalog', 'public'], ['pg_catalog', 'public', 'archive']],
    // Before pg_catalog it would hide PostgreSQL's own functions as well.
    ['archive, pg_catalog, public', ['pg_catalog', 'public'], ['archive', 'pg_catalog', 'public']],
    ['pg_catalog, archive, public', ['pg_catalog', 'public'], ['pg_catalog', 'public', 'archive']],
    [' "Archive" ,PUBLIC , "a""b,c"', ['pg_catalog', 'public'], ['pg_catalog', 'public', 'Archive', 'a"b,c']],
    ['a, a, a', ['pg_catalog'], ['pg_catalog', 'a']],
    [`${'n'.repeat(70)}`, ['pg_catalog', 'n'.repeat(63)], ['pg_catalog', 'n'.repeat(63)]],
  ])('of %s', (setting, effective, path) => {
    expect(pathOf(effective, setting)).toEqual(path);
  });

  test('are those that the server says where all exist', () => {
    const effective = ['pg_catalog', 'public'];

    expect(pathOf(effective, 'public')).toBe(effective);
  });

  test.each([
    ['a quote that does not end', '"a, public'],
    ['an empty place', 'a,,b'],
    ['a comma at the end', 'a,'],
    ['two names without a comma', 'a b'],
    ['a quote inside a name', 'a"b"'],
    ['more that does not exist than is looked at', Array.from({ length: 51 }, (_, i) => `s${i}`).join(',')],
  ])('are not known for %s', (_, setting) => {
    expect(pathOf(['pg_catalog'], setting)).toBeUndefined();
  });
});
