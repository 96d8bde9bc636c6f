// One exchange over HTTP, bounded in time, in size, and in where it goes.

/** What went wrong. Its text holds no secret: neither URL nor body is in it. */
export class SessionError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, status?: number, login?: boolean, cause?: unknown}} [about]
   *   code: the API's own code; status: of the HTTP answer, 0 if there was none;
   *   login: the session is over, and the user has to log in again.
   */
  constructor(message, {code = '', status = 0, login = false, cause} = {}) {
    super(message, {cause});
    this.name = 'SessionError';
    this.code = code;
    this.status = status;
    this.login = login;
  }
}

const LIMIT = 1 << 20; // bytes; no answer of these APIs comes near
const PATIENCE = 2; // seconds that Retry-After may ask for

/**
 * Sends a request, and reads the whole answer. A redirect is an error: the
 * session belongs to this server, and none of these APIs has a reason for one.
 *
 * @param {string} url
 * @param {{method?: string, headers?: Record<string, string>, body?: any, jar?: import('./cookies.mjs').Jar, timeout: number}} request
 *   timeout: milliseconds, for the whole exchange
 * @returns {Promise<{status: number, type: string, text: string, json: () => any}>}
 */
export async function exchange(url, request) {
  const response = await send(url, request);
  const wait = Number(response.retryAfter ?? NaN);
  if ((response.status === 503 || response.status === 429) && isRead(request) && wait >= 0 && wait <= PATIENCE) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    return send(url, request);
  }
  return response;
}

const isRead = ({method = 'GET'}) => method === 'GET';

async function send(url, {method = 'GET', headers = {}, body, jar, timeout}) {
  const cookie = jar?.header(url);
  const signal = AbortSignal.timeout(timeout);
  const {host} = new URL(url);
  let response, bytes;
  try {
    response = await fetch(url, {
      method,
      body,
      signal,
      redirect: 'manual',
      headers: {Accept: 'application/json', ...headers, ...(cookie && {Cookie: cookie})},
    });
    jar?.keep(url, response.headers.getSetCookie());
    bytes = await read(response);
  } catch (error) {
    if (error instanceof SessionError) throw error;
    const why = signal.aborted ? `nothing within ${timeout} ms` : (error.cause?.code ?? error.cause?.message ?? error.name);
    throw new SessionError(`no whole answer from ${host}: ${why}`, {cause: error});
  }
  const {status} = response;
  if (status >= 300 && status < 400) {
    throw new SessionError(`${host} redirects (${status}); not followed`, {status});
  }
  const type = response.headers.get('Content-Type') ?? '';
  const text = decode(bytes, type);
  return {
    status,
    type,
    text,
    retryAfter: response.headers.get('Retry-After'),
    json() {
      try {
        return JSON.parse(text);
      } catch {
        const what = type.split(';')[0].trim() || 'no media type';
        throw new SessionError(`${host} answered ${status} with a body that is no JSON (${what})`, {status});
      }
    },
  };
}

async function read(response) {
  const parts = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > LIMIT) throw new SessionError(`the answer is longer than ${LIMIT} bytes`, {status: response.status});
    parts.push(part);
  }
  return Buffer.concat(parts);
}

// TextDecoder leaves a byte order mark out.
function decode(bytes, type) {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/**
 * Renews a session, once at a time. However many calls are refused at once,
 * whoever began before a renewal ended takes its outcome, be it good or bad, and
 * asks for no other.
 */
export class Renewal {
  #work;
  #running = null;
  #ended = 0;
  #last = null;

  constructor(work) {
    this.#work = work;
  }

  /** To be asked for before a call, and handed to since. */
  mark() {
    return this.#ended;
  }

  since(mark) {
    return this.#ended === mark ? this.now() : this.#last;
  }

  now() {
    return (this.#running ??= this.#work().finally(() => {
      this.#last = this.#running;
      this.#running = null;
      this.#ended++;
    }));
  }
}
