import { describe, expect, test } from '@jest/globals';
import { ConfigError, readConfig } from '#gateway/config.ts';

const good = {
  SALLYPORT_LISTEN_POSTGRES: '127.0.0.1:5432',
  SALLYPORT_LISTEN_HEALTH: '[::1]:8080',
  SALLYPORT_TLS_CERT: '/c.pem',
  SALLYPORT_TLS_KEY: '/k.pem',
  SALLYPORT_CONTROL_URL: 'http://127.0.0.1:1',
  SALLYPORT_OIDC_ISSUER: 'http://127.0.0.1:2',
  SALLYPORT_OIDC_AUDIENCE: 'sallyport',
  SALLYPORT_SPOOL_DIR: '/s',
  SALLYPORT_RECORDINGS_DIR: '/r',
  SALLYPORT_TABLE_SESSIONS: 'sessions',
};

describe('the gateway’s configuration', () => {
  test('a whole one is read, with defaults for what may be left out', () => {
    const config = readConfig(good);

    expect(config.listen).toEqual([
      { protocol: 'postgres', address: { host: '127.0.0.1', port: 5432 }, settings: {} },
    ]);
    expect(config.health).toEqual({ host: '::1', port: 8080 });
    expect(config.proxyProtocol).toBe(false);
    expect(config.taskId).toMatch(/^[0-9a-f]{16}$/);
  });

  test('all mistakes are told at once, each with its variable', () => {
    const { SALLYPORT_TLS_CERT: _, ...rest } = good;
    const act = () =>
      readConfig({
        ...rest,
        SALLYPORT_LISTEN_POSTGRES: 'nowhere',
        SALLYPORT_PROXY_PROTOCOL: 'v1',
        SALLYPORT_SPOOL_MAX_BYTES: '-1',
        SALLYPORT_CONTROL_URL: 'file:///x',
      });

    expect(act).toThrow(ConfigError);
    try {
      act();
    } catch (error) {
      const names = (error as ConfigError).mistakes.map(mistake => mistake.split(' ')[0]).sort();
      expect(names).toEqual([
        'SALLYPORT_CONTROL_URL',
        'SALLYPORT_LISTEN_POSTGRES',
        'SALLYPORT_PROXY_PROTOCOL',
        'SALLYPORT_SPOOL_MAX_BYTES',
        'SALLYPORT_TLS_CERT',
      ]);
    }
  });

  test('a gateway without a listener says so', () => {
    const { SALLYPORT_LISTEN_POSTGRES: _, ...rest } = good;

    expect(() => readConfig(rest)).toThrow(/SALLYPORT_LISTEN_POSTGRES/);
  });
});
