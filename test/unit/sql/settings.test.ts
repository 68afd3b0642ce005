import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { checkStartupParameters, optionSettings } from '#lib/sql/settings.ts';

const check = (parameters: Record<string, string>) =>
  checkStartupParameters(new Map(Object.entries({ user: 'dev', database: 'shop', ...parameters })));

describe('what a client asks for at start-up', () => {
  test.each<Record<string, string>>([
    {},
    { application_name: 'psql', client_encoding: 'UTF8' },
    { DateStyle: 'ISO', TimeZone: 'Europe/Vienna', extra_float_digits: '3', search_path: 'shop' },
    { standard_conforming_strings: 'on' },
    { replication: 'false' },
    { '_pq_.something': '1' },
    { options: '' },
    { options: '-c statement_timeout=5s --search-path=shop  -csearch_path=a\\ b' },
    { options: '--standard-conforming-strings=TRUE' },
  ])('is let through: %j', parameters => {
    expect(check(parameters)).toBeUndefined();
  });

  test.each<[Record<string, string>, string]>([
    [{ role: 'dba' }, '"role"'],
    [{ ROLE: 'dba' }, '"ROLE"'],
    [{ session_authorization: 'dba' }, '"session_authorization"'],
    [{ session_replication_role: 'replica' }, 'session_replication_role'],
    [{ session_preload_libraries: 'evil' }, 'session_preload_libraries'],
    [{ standard_conforming_strings: 'off' }, 'must be on'],
    [{ 'my.tenant': '1' }, 'my.tenant'],
    [{ constructor: '1' }, 'constructor'],
    [{ replication: 'database' }, 'Replication'],
    [{ replication: 'true' }, 'Replication'],
    [{ options: '-c role=dba' }, '"role"'],
    [{ options: '-crole=dba' }, '"role"'],
    [{ options: '--role=dba' }, '"role"'],
    [{ options: '--session-authorization=dba' }, '"session_authorization"'],
    [{ options: '-c r\\ole=dba' }, '"role"'],
    [{ options: '-c\\ role=dba' }, 'role'],
    [{ options: '-c statement_timeout=1 -c standard_conforming_strings=no' }, 'must be on'],
    [{ options: '-c role' }, '"-c"'],
    [{ options: '-c' }, '"-c"'],
    [{ options: '-d 5' }, '"-d"'],
    [{ options: '--' }, '"--"'],
    [{ options: 'role=dba' }, '"role=dba"'],
    [{ options: '-cé=1' }, '"?"'],
  ])('is refused: %j', (parameters, words) => {
    expect(check(parameters)).toContain(words);
  });

  test('is cut into words as the server cuts it', () => {
    const options = '-c a=b\\\\c\\ d\t--e-f=g=h\n-ci=  -c j=k\\';

    expect(optionSettings(options)).toEqual([
      ['a', 'b\\c d'],
      ['e_f', 'g=h'],
      ['i', ''],
      ['j', 'k'],
    ]);
  });

  test('has an answer, whatever it is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), fc.string(), (parameters, options) => {
        expect(['string', 'undefined']).toContain(typeof check({ ...parameters, options }));
      }),
    );
  });
});
