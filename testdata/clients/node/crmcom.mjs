// CRM.COM: a token in the query of a GET and in the body of a POST. There is
// nothing to renew it with; a client authenticates again.
import {exchange, Renewal, SessionError} from './http.mjs';

const JSON_BODY = {'Content-Type': 'application/json'};

export class CrmCom {
  #credentials = null;
  #token = null;

  /**
   * @param {string} base
   * @param {{timeout?: number, releases?: boolean}} [options] releases: the server has authentication/token/release (R10, R11)
   */
  constructor(base, {timeout = 10_000, releases = false} = {}) {
    this.base = base;
    this.timeout = timeout;
    this.releases = releases;
  }

  /**
   * Authenticates. The credentials are kept in memory until logout, to
   * authenticate again when the token has expired.
   *
   * @param {{username: string, password: string, organisation: string} | {webApiKey: string}} credentials
   */
  async login(credentials) {
    const token = await this.#authenticate(credentials);
    this.#credentials = credentials;
    this.#token = token;
  }

  async contact(number) {
    const {data} = await this.#get('/contact_information/show', number && {contact_information_identifier: `number=${number}`});
    return data;
  }

  #renewal = new Renewal(async () => {
    const credentials = this.#credentials;
    if (!credentials) throw new SessionError('nobody is logged in', {login: true});
    try {
      const token = await this.#authenticate(credentials);
      if (this.#credentials === credentials) this.#token = token;
    } catch (error) {
      if (!error.code) throw error; // no refusal
      this.#credentials = this.#token = null;
      throw new SessionError(error.message, {code: error.code, status: error.status, login: true, cause: error});
    }
  });

  /** Gets a new token. However many ask at the same time, it is asked for once. */
  refresh() {
    return this.#renewal.now();
  }

  /** Forgets token and credentials, and releases the token where that exists. */
  async logout() {
    const token = this.#token;
    this.#credentials = this.#token = null;
    if (token && this.releases) {
      await this.#send('/authentication/token/release', {method: 'POST', headers: JSON_BODY, body: JSON.stringify({token})});
    }
  }

  async #authenticate({webApiKey, ...credentials}) {
    const [path, headers, body] = webApiKey
      ? ['/authentication/web_api_key/token', {Authorization: `Basic ${Buffer.from(`${webApiKey}:`).toString('base64')}`}, undefined]
      : ['/authentication/token', JSON_BODY, JSON.stringify(credentials)];
    const {data} = await this.#send(path, {method: 'POST', headers, body});
    if (!data?.token) throw new SessionError('the answer has no token', {status: 200});
    return String(data.token);
  }

  async #get(path, query = {}, again = true) {
    const token = this.#token, mark = this.#renewal.mark();
    if (!token) throw new SessionError('nobody is logged in', {login: true});
    try {
      return await this.#send(`${path}?${new URLSearchParams({...query, token})}`, {});
    } catch (error) {
      // The list of codes is not published; this is what they are called.
      const dead = error.status === 401 || /TOKEN/i.test(error.code);
      if (!dead) throw error;
      if (!again) throw new SessionError(error.message, {code: error.code, status: error.status, login: true, cause: error});
      await this.#renewal.since(mark);
      return this.#get(path, query, false);
    }
  }

  // A refusal has HTTP status 200, mostly; status.code says what it is.
  async #send(path, options) {
    const answer = await exchange(this.base + path, {timeout: this.timeout, ...options});
    const ok = answer.status >= 200 && answer.status < 300;
    let body;
    try {
      body = answer.json();
    } catch (error) {
      throw ok ? error : new SessionError(`CRM.COM refused: ${answer.status}`, {status: answer.status});
    }
    const {code = '', message} = body?.status ?? {};
    if (ok && String(code).toUpperCase() === 'OK') return body;
    throw new SessionError(`CRM.COM refused: ${code || answer.status} ${String(message ?? '').slice(0, 200)}`.trim(), {code: String(code ?? ''), status: answer.status});
  }
}
