// WEDIA in cookie mode: both tokens travel in cookies, and are seen by nobody
// but the jar.
import {Jar} from './cookies.mjs';
import {exchange, Renewal, SessionError} from './http.mjs';

export class Wedia {
  #jar = null; // null: nobody is signed in

  #renewal = new Renewal(async () => {
    const jar = this.#signedIn();
    try {
      await this.#send(jar, '/api/rest/token', {cookieauth: 'true'});
    } catch (error) {
      // 400: the refresh token is not even there any more.
      throw error.status === 401 || error.status === 400 ? this.#over(jar, error) : error;
    }
  });

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  /** @param {{login: string, password: string, application?: string}} who an application signs in with key and secret */
  async signIn(who) {
    const jar = new Jar();
    await this.#send(jar, '/api/rest/signin', {...who, cookieauth: 'true'});
    this.#jar = jar;
  }

  async whoAmI() {
    const answer = await this.#call('/api/rest/whoami');
    return answer.response?.data;
  }

  /** Renews the access token. However many ask at the same time, it is asked for once. */
  refresh() {
    return this.#renewal.now();
  }

  /** Signs out. The cookies are dropped, even if the server does not take it. */
  async signOut() {
    const jar = this.#jar;
    this.#jar = null;
    if (jar) await this.#send(jar, '/api/rest/signout', {});
  }

  async #call(path) {
    const mark = this.#renewal.mark();
    try {
      return await this.#send(this.#signedIn(), path);
    } catch (error) {
      if (error.status !== 401) throw error;
    }
    await this.#renewal.since(mark);
    const jar = this.#signedIn();
    try {
      return await this.#send(jar, path);
    } catch (error) {
      throw error.status === 401 ? this.#over(jar, error) : error;
    }
  }

  async #send(jar, path, form) {
    const post = form && {method: 'POST', body: new URLSearchParams(form)};
    const answer = await exchange(this.base + path, {timeout: this.timeout, jar, ...post});
    const ok = answer.status >= 200 && answer.status < 300;
    let body;
    try {
      body = answer.json();
    } catch (error) {
      throw ok ? error : new SessionError(`WEDIA refused: ${answer.status}`, {status: answer.status});
    }
    // Some installations refuse with status 200: the member error decides. It
    // begins with the status that is meant.
    if (ok && !body?.error) return body;
    const code = String(body?.error ?? '');
    const status = ok ? Number(code.split('/')[0]) || answer.status : answer.status;
    throw new SessionError(`WEDIA refused: ${code || status} ${String(body?.message ?? '').slice(0, 200)}`, {code, status});
  }

  #signedIn() {
    if (!this.#jar) throw new SessionError('nobody is signed in', {login: true});
    return this.#jar;
  }

  #over(jar, error) {
    if (this.#jar === jar) this.#jar = null;
    return new SessionError('the session is over; sign in again', {code: error.code, status: error.status, login: true, cause: error});
  }
}
