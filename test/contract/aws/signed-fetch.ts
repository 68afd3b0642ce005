/** Requests signed as the SDK signs them, for what no client of the SDK here can send. */
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { administrator, region } from './endpoint.ts';

export interface SignedFetch {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly service?: string;
  readonly region?: string;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly signingDate?: Date;
  /** Changes the request after it was signed. */
  readonly tamper?: (request: {
    method: string;
    path: string;
    headers: Record<string, string>;
    body: string;
  }) => void;
}

export async function signedFetch(address: string, options: SignedFetch = {}): Promise<Response> {
  const url = new URL(address);
  const signer = new SignatureV4({
    service: options.service ?? 'dynamodb',
    region: options.region ?? region,
    sha256: Sha256,
    credentials: {
      accessKeyId: options.accessKeyId ?? administrator.accessKeyId,
      secretAccessKey: options.secretAccessKey ?? administrator.secretAccessKey,
    },
  });
  const { body = '', method = 'POST' } = options;
  const signed = await signer.sign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host, ...options.headers },
      ...(body === '' ? {} : { body }),
    },
    options.signingDate === undefined ? {} : { signingDate: options.signingDate },
  );
  const request = { method, path: url.pathname + url.search, headers: { ...signed.headers }, body };
  options.tamper?.(request);
  return fetch(new URL(request.path, url), {
    method: request.method,
    headers: request.headers,
    ...(request.body === '' ? {} : { body: request.body }),
  });
}

/** `{name, status}` of a JSON service's error. */
export async function outcome(response: Response): Promise<{ name: string; status: number }> {
  const body = (await response.json()) as { __type?: string };
  return { name: body.__type?.split('#').at(-1) ?? 'none', status: response.status };
}
