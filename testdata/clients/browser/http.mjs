// One exchange between this page and an API of another origin, with cookies,
// and bounded in time and size.

/** What went wrong. Its text holds neither URL nor body. */
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

const LIMIT = 1 << 20; // bytes

/**
 * @param {string} url
 * @param {{method?: string, headers?: Record<string, string>, body?: any, timeout: number}} request
 * @returns {Promise<{status: number, text: string, json: () => any}>}
 */
export async function exchange(url, {method = 'GET', headers = {}, body, timeout}) {
  const signal = AbortSignal.timeout(timeout);
  const {host} = new URL(url);
  let response, text;
  try {
    response = await fetch(url, {
      method,
      body,
      signal,
      headers: {Accept: 'application/json', ...headers},
      credentials: 'include', // also needed for cookies of an answer to be kept
      redirect: 'error',
      cache: 'no-store',
    });
    text = await read(response);
  } catch (error) {
    if (error instanceof SessionError) throw error;
    // A browser does not tell a page more than this.
    const why = signal.aborted ? `nothing within ${Math.round(timeout)} ms` : 'connection, redirect or CORS';
    throw new SessionError(`no whole answer from ${host}: ${why}`, {status: response?.status, cause: error});
  }
  const {status} = response;
  return {
    status,
    text,
    json() {
      try {
        return JSON.parse(text);
      } catch {
        const what = (response.headers.get('Content-Type') ?? 'no media type').split(';')[0];
        throw new SessionError(`${host} answered ${status} with a body that is no JSON (${what})`, {status});
      }
    },
  };
}

async function read(response) {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(response.headers.get('Content-Type') ?? '')?.[1] ?? 'utf-8';
  const decoder = decoderFor(charset);
  let text = '', size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const {done, value} = (await reader?.read()) ?? {done: true};
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > LIMIT) {
      await reader.cancel();
      throw new SessionError(`the answer is longer than ${LIMIT} bytes`, {status: response.status});
    }
    text += decoder.decode(value, {stream: true});
  }
}

function decoderFor(charset) {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
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
