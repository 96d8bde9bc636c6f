// JMap, with the surface of the vendor's library: login, setToken, logout,
// getToken; rejections carry one of its six error keys as `code`.
import {exchange, Renewal, SessionError} from './http.mjs';

const JSON_BODY = {'Content-Type': 'application/json'};
const NO_TOKEN = '-1';

/** What both editions have in common. */
class User {
  #session = null;

  constructor(base, {timeout = 10_000} = {}) {
    this.base = base;
    this.timeout = timeout;
  }

  /** The session id or access token; "-1" if nobody is logged in. */
  getToken() {
    return this.#session?.accessToken ?? NO_TOKEN;
  }

  isLoggedIn() {
    return this.#session !== null;
  }

  get session() {
    return this.#session;
  }

  set session(session) {
    this.#session = session;
  }

  /** Logs in; rejects with user.login.error.credential, .server or .unexpected. */
  async login(login, password) {
    return keyed('user.login.error', this.wrongCredentials, async () => (this.session = await this.open(login, password)));
  }

  /** Logs out; rejects with user.logout.error.server or .unexpected. The session is forgotten in any case. */
  async logout() {
    const session = this.#session;
    this.#session = null;
    if (session) await keyed('user.logout.error', [], () => this.close(session));
  }

  async request(path, options = {}) {
    const answer = await exchange(this.base + path, {timeout: this.timeout, ...options});
    if (answer.status >= 200 && answer.status < 300) return answer.json();
    throw new SessionError(`JMap refused: ${reason(answer)}`, {status: answer.status});
  }

  noSession() {
    return new SessionError('nobody is logged in', {code: 'user.token.invalid', login: true});
  }

  invalid(error) {
    return new SessionError('the session is over; log in again', {code: 'user.token.invalid', status: error.status, login: true, cause: error});
  }
}

/** JMap Server: a session id, sent as the query parameter sessionId. */
export class JMapServer extends User {
  wrongCredentials = [403];

  async open(username, password) {
    const {result} = await this.request('/services/rest/v2.0/session', {
      method: 'POST',
      headers: JSON_BODY,
      body: JSON.stringify({username, password, type: 'NG'}),
    });
    return sessionData(result, username);
  }

  async close({accessToken}) {
    await this.request(`/services/rest/v2.0/session?sessionId=${encodeURIComponent(accessToken)}`, {method: 'DELETE'});
  }

  /** Takes over a session by its id; rejects with user.token.invalid if it is over. */
  async setToken(token) {
    try {
      const {result} = await this.request(`/services/rest/v2.0/session?sessionId=${encodeURIComponent(token)}`);
      return (this.session = sessionData({...result, sessionId: token}, ''));
    } catch (error) {
      throw error.status === 401 ? this.invalid(error) : error;
    }
  }

  async projects() {
    const {session} = this;
    if (!session) throw this.noSession();
    try {
      const {result} = await this.request(`/services/rest/v2.0/projects?sessionId=${encodeURIComponent(session.accessToken)}`);
      return result ?? [];
    } catch (error) {
      if (error.status !== 401) throw error;
      if (this.session === session) this.session = null;
      throw this.invalid(error);
    }
  }
}

/** JMap Cloud: an access token, and a refresh token that works once. */
export class JMapCloud extends User {
  wrongCredentials = [401, 403];

  async open(username, password) {
    const {result} = await this.request('/authenticate', {method: 'POST', headers: JSON_BODY, body: JSON.stringify({username, password})});
    return pair(result, {username});
  }

  async close({refreshToken}) {
    // The older form has no refresh token, and nothing to revoke.
    if (refreshToken) await this.request('/revoke-token', {method: 'POST', headers: JSON_BODY, body: JSON.stringify({refreshToken})});
  }

  /** Takes over a session by its refresh token, which is used up by it. */
  async setToken(refreshToken, organizationId) {
    this.session = await this.#next({refreshToken, user: {}}, organizationId);
    return this.session;
  }

  #renewal = new Renewal(async () => {
    const {session} = this;
    if (!session?.refreshToken) throw this.noSession();
    try {
      const next = await this.#next(session);
      if (this.session === session) this.session = next; // else somebody logged out meanwhile
    } catch (error) {
      if (error.login && this.session === session) this.session = null;
      throw error;
    }
  });

  /** Renews the tokens. However many ask at the same time, the refresh token is sent once. */
  refresh() {
    return this.#renewal.now();
  }

  async self() {
    return (await this.#get('/users/self')).result;
  }

  async #get(path, again = true) {
    const {session} = this, mark = this.#renewal.mark();
    if (!session) throw this.noSession();
    try {
      return await this.request(path, {headers: {Authorization: `Bearer ${session.accessToken}`}});
    } catch (error) {
      if (error.status !== 401) throw error;
      if (!again && this.session === session) this.session = null;
      if (!again) throw this.invalid(error);
      await this.#renewal.since(mark);
      return this.#get(path, false);
    }
  }

  async #next({refreshToken, user}, organizationId) {
    const body = JSON.stringify({refreshToken, ...(organizationId && {organizationId})});
    try {
      const {result} = await this.request('/refresh-token', {method: 'POST', headers: JSON_BODY, body});
      return pair(result, user);
    } catch (error) {
      throw error.status === 401 || error.status === 400 ? this.invalid(error) : error;
    }
  }
}

function sessionData(result, username) {
  const id = result?.sessionId;
  if (id === undefined || id === null || id === '') throw new SessionError('the answer has no session id', {status: 200});
  const {userFullName: fullName = '', userEmailAddress: email = ''} = result;
  return {accessToken: String(id), user: {username, fullName, email}};
}

function pair(result, user) {
  const tokens = typeof result === 'string' ? {accessToken: result} : result;
  if (!tokens?.accessToken) throw new SessionError('the answer has no access token', {status: 200});
  return {accessToken: tokens.accessToken, refreshToken: tokens.refreshToken ?? null, user};
}

// Gives a failure the library's key: server, if the server answered at all.
async function keyed(prefix, credentials, work) {
  try {
    return await work();
  } catch (error) {
    const status = error.status ?? 0;
    const key = credentials.includes(status) ? 'credential' : status ? 'server' : 'unexpected';
    throw new SessionError(error.message, {code: `${prefix}.${key}`, status, cause: error});
  }
}

function reason(answer) {
  try {
    return `${answer.status} ${String(answer.json()?.message ?? '').slice(0, 200)}`.trim();
  } catch {
    return String(answer.status);
  }
}
